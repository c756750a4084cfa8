begin;
select plan(3);

select tests.arrange_cast();
select tests.act_as(tests.alice());
do $$ begin perform create_api_key('alice'); end; $$;
select results_eq(
  'select k.name from private.list_api_keys() as k', array['alice'], 'a user reads the own keys');
select tests.act_as(tests.bob());
select is_empty('select k.name from private.list_api_keys() as k', 'and nobody else''s');
select tests.act_as_worker();
select is(
  tests.refusal('select private.list_api_keys()'), '42501', 'the service reads none');

select * from finish();
rollback;
