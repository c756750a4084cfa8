begin;
select plan(4);

select tests.arrange_cast();
select tests.act_as(tests.alice());
do $$ begin perform create_api_key('alice'); end; $$;
create temp table key as select k.key_id from list_api_keys() as k;
grant select on key to public;
select tests.act_as(tests.bob());
select is(
  tests.refusal('select private.revoke_api_key((select key_id from key))'), 'PT404',
  'a user cannot revoke another user''s key');
select tests.act_as_worker();
select is(
  tests.refusal('select private.revoke_api_key((select key_id from key))'), '42501',
  'the service cannot revoke keys');
select tests.act_as(tests.alice());
select is(
  (select k.enabled from private.revoke_api_key((select key_id from key)) as k), false,
  'a user can revoke their own key');
select is((select k.enabled from list_api_keys() as k), false, 'a revoked key stays disabled');

select * from finish();
rollback;
