begin;
select plan(3);

select tests.arrange_cast();
select tests.act_with_claims(jsonb_build_object('sub', tests.alice())::text);
select is(
  tests.refusal($$ select private.create_api_key('x', null) $$), 'accepted',
  'a user gets a key without the public function too');
select tests.act_as_admin();
select results_eq(
  $$ select k.user_id, k.name from private.api_keys as k $$, $$ values (tests.alice(), 'x') $$,
  'the key belongs to the user of the claims');
select tests.act_with_claims(null);
select is(
  tests.refusal($$ select private.create_api_key('x', null) $$), '42501',
  'no key is created without a user');

select * from finish();
rollback;
