begin;
select plan(7);

select tests.set_clock('2026-03-01 12:00+00');
select tests.arrange_cast();

select tests.act_as(tests.bob());
select is(tests.refusal($$ select create_api_key('bob') $$), 'accepted', 'bob has a key');
select tests.act_as(tests.alice());
select is_empty($$ select k.name from list_api_keys() as k $$, 'alice has no key and sees none');
select is(tests.refusal($$ select create_api_key('first') $$), 'accepted', 'alice creates a key');
select tests.advance_clock('1 minute');
do $$ begin perform create_api_key('second', '2026-04-01'); end; $$;
select results_eq(
  $$ select k.name, k.enabled, k.created_at, k.expires_at, k.last_used_at
     from list_api_keys() as k $$,
  $$ values
       ('second', true, timestamptz '2026-03-01 12:01+00', timestamptz '2026-04-01',
         null::timestamptz),
       ('first', true, '2026-03-01 12:00+00', null, null) $$,
  'a user sees their own keys, newest first');
select results_eq(
  $$ select jsonb_object_keys(to_jsonb(k)) as name from list_api_keys() as k
     where k.name = 'first' order by name $$,
  array['created_at', 'enabled', 'expires_at', 'key_id', 'last_used_at', 'name'],
  'no part of the secret is listed');

select tests.act_with_claims(null);
select is_empty($$ select k.name from list_api_keys() as k $$, 'without claims no keys are listed');
select tests.act_as_anon();
select is(tests.refusal($$ select list_api_keys() $$), '42501', 'anon may not call it');

select * from finish();
rollback;
