begin;
select plan(5);

select tests.arrange_cast();
select tests.arrange_job('job');
select is(
  (select j.id from private.api_admin_get_job_status(tests.id('job'), 'support', 'why') as j),
  tests.id('job'), 'a job is read');
select is_empty(
  $$ select j.id from private.api_admin_get_job_status(gen_random_uuid(), 'support', null) as j $$,
  'an unknown one is no row');
select results_eq(
  $$ select a.actor, a.reason from private.admin_audit as a order by a.id $$,
  $$ values ('support', 'why'), ('support', null) $$, 'either look is in the audit');
select tests.act_as_worker();
select is(
  tests.refusal($$ select private.api_admin_get_job_status(tests.id('job'), 'x', 'y') $$), '42501',
  'the service names itself through its claims only');
select tests.act_as(tests.alice());
select is(
  tests.refusal($$ select private.api_admin_get_job_status(tests.id('job'), 'x', 'y') $$), '42501',
  'users may not look past their own');

select * from finish();
rollback;
