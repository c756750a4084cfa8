begin;
select plan(5);

select tests.arrange_cast();
select tests.arrange_job('alices');
select pg_sleep(0.002);  -- ids of one millisecond are in no order
select tests.arrange_job('acmes', 'failed', tests.acme_repository());
select is(
  array(select j.id from private.admin_list_index_jobs(
    null, null, null, null, null, null, null, 100) as j),
  array[tests.id('acmes'), tests.id('alices')], 'the jobs of all tenants are listed, newest first');
select is(
  array(select j.id from private.admin_list_index_jobs(
    'failed', null, null, null, null, null, null, 100) as j),
  array[tests.id('acmes')], 'or those of a status');
select is(
  tests.refusal($$ select private.admin_list_index_jobs(
    null, null, null, null, null, null, null, 0) $$), 'PT422 invalid_limit limit',
  'a page has one job at least');
select tests.act_as_worker();
select is(
  tests.refusal($$ select private.admin_list_index_jobs(
    null, null, null, null, null, null, null, 20) $$), '42501',
  'the service looks through its claims only');
select tests.act_as(tests.alice());
select is(
  tests.refusal($$ select private.admin_list_index_jobs(
    null, null, null, null, null, null, null, 20) $$), '42501',
  'users may not look past their own');

select * from finish();
rollback;
