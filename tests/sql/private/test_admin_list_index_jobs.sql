begin;
select plan(5);

select tests.arrange_cast();
select tests.arrange_job('alices');
select pg_sleep(0.002);  -- ids of the same millisecond have no order
select tests.arrange_job('acmes', 'failed', tests.acme_repository());
select is(
  array(select j.id from private.admin_list_index_jobs(
    null, null, null, null, null, null, null, 100) as j),
  array[tests.id('acmes'), tests.id('alices')], 'the jobs of all tenants are listed, newest first');
select is(
  array(select j.id from private.admin_list_index_jobs(
    'failed', null, null, null, null, null, null, 100) as j),
  array[tests.id('acmes')], 'jobs can be filtered by status');
select is(
  tests.refusal($$ select private.admin_list_index_jobs(
    null, null, null, null, null, null, null, 0) $$), 'PT422 invalid_limit limit',
  'a page has at least one job');
select tests.act_as_worker();
select is(
  tests.refusal($$ select private.admin_list_index_jobs(
    null, null, null, null, null, null, null, 20) $$), '42501',
  'the service must go through its claims');
select tests.act_as(tests.alice());
select is(
  tests.refusal($$ select private.admin_list_index_jobs(
    null, null, null, null, null, null, null, 20) $$), '42501',
  'users may not see other users'' jobs');

select * from finish();
rollback;
