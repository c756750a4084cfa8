begin;
select plan(4);

select tests.arrange_cast();
select tests.arrange_job('job');
select is(
  (select j.id from private.read_any_job(tests.id('job')) as j), tests.id('job'),
  'a job is returned');
select is_empty(
  $$ select j.id from private.read_any_job(gen_random_uuid()) as j $$,
  'an unknown job gives no row');
select tests.act_as_worker();
select is(
  tests.refusal($$ select private.read_any_job(tests.id('job')) $$), '42501',
  'the service reads by get_job_status, and support only through its claims');
select tests.act_as(tests.alice());
select is(
  tests.refusal($$ select private.read_any_job(tests.id('job')) $$), '42501',
  'users may not read jobs of others');

select * from finish();
rollback;
