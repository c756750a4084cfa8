begin;
select plan(12);

select tests.arrange_cast();
select tests.arrange_job('failed');
update index_jobs set ref = 'v1', commit_sha = repeat('a', 40), created_by = tests.alice()
where id = tests.id('failed');
select tests.act_as_worker();
select update_job_status(tests.id('failed'), 'failed', '{"error": "x"}');
select tests.act_as_admin();
select tests.arrange_job('cancelled', 'cancelled');
select tests.arrange_job('waits');
select tests.arrange_job('runs', 'processing');
select tests.arrange_job('done', 'completed');
select tests.name_id('repeat', (
  select j.id from private.admin_retry_index_job(tests.id('failed')) as j));

select results_eq(
  $$ select j.repository_id, j.ref, j.commit_sha, j.created_by, j.status::text, j.attempt,
       j.repeats_job_id, j.queue_job_id
     from index_jobs as j where j.id = tests.id('repeat') $$,
  $$ values (tests.alice_repository(), 'v1', repeat('a', 40), tests.alice(), 'pending', 0,
       tests.id('failed'), null::uuid) $$,
  'the retry has the same request and names the original job');
select is(
  (select j.status::text from index_jobs as j where j.id = tests.id('failed')), 'failed',
  'the original job does not change');
select is(
  (select j.id from private.admin_retry_index_job(tests.id('failed')) as j), tests.id('repeat'),
  'while the retry is pending, a second call returns it');
select tests.act_as_worker();
select update_job_status(tests.id('repeat'), 'processing');
select tests.act_as_admin();
select is(
  (select j.id from private.admin_retry_index_job(tests.id('failed')) as j), tests.id('repeat'),
  'while the retry is running, a second call returns it');
select tests.act_as_worker();
select update_job_status(tests.id('repeat'), 'failed', '{"error": "x"}', p_attempt => 1);
select tests.act_as_admin();
select isnt(
  (select j.id from private.admin_retry_index_job(tests.id('failed')) as j), tests.id('repeat'),
  'once the retry has ended, another can be created');
select is(
  (select j.repeats_job_id from private.admin_retry_index_job(tests.id('cancelled')) as j),
  tests.id('cancelled'), 'a cancelled job can be retried');
select is(
  tests.refusal($$ select private.admin_retry_index_job(tests.id('done')) $$),
  'PT409 not_repeatable job_id', 'a completed job cannot be retried');
select is(
  tests.refusal($$ select private.admin_retry_index_job(tests.id('waits')) $$),
  'PT409 not_repeatable job_id', 'a pending job cannot be retried');
select is(
  tests.refusal($$ select private.admin_retry_index_job(tests.id('runs')) $$),
  'PT409 not_repeatable job_id', 'a running job cannot be retried');
select is(
  tests.refusal($$ select private.admin_retry_index_job(gen_random_uuid()) $$), 'PT404',
  'an unknown job is not found');

select tests.act_as_worker();
select is(
  tests.refusal($$ select private.admin_retry_index_job(tests.id('failed')) $$), '42501',
  'the service must go through its claims');
select tests.act_as(tests.alice());
select is(tests.refusal($$ select private.admin_retry_index_job(tests.id('failed')) $$), '42501',
  'users may not call it');

select * from finish();
rollback;
