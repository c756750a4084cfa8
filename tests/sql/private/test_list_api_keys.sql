begin;
select plan(3);

select tests.arrange_cast();
select tests.act_as(tests.alice());
do $$ begin perform create_api_key('alice'); end; $$;
select results_eq(
  'select k.name from private.list_api_keys() as k', array['alice'], 'a user sees their own keys');
select tests.act_as(tests.bob());
select is_empty('select k.name from private.list_api_keys() as k',
  'a user sees no keys of other users');
select tests.act_as_worker();
select is(
  tests.refusal('select private.list_api_keys()'), '42501', 'the service sees no keys');

select * from finish();
rollback;
