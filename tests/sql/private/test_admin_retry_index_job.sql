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
  'the repeat asks for the same, and says what it repeats');
select is(
  (select j.status::text from index_jobs as j where j.id = tests.id('failed')), 'failed',
  'the job that is repeated stays as it was');
select is(
  (select j.id from private.admin_retry_index_job(tests.id('failed')) as j), tests.id('repeat'),
  'a second retry is the first as long as that waits');
select tests.act_as_worker();
select update_job_status(tests.id('repeat'), 'processing');
select tests.act_as_admin();
select is(
  (select j.id from private.admin_retry_index_job(tests.id('failed')) as j), tests.id('repeat'),
  'or runs');
select tests.act_as_worker();
select update_job_status(tests.id('repeat'), 'failed', '{"error": "x"}', p_attempt => 1);
select tests.act_as_admin();
select isnt(
  (select j.id from private.admin_retry_index_job(tests.id('failed')) as j), tests.id('repeat'),
  'once that has ended there is another');
select is(
  (select j.repeats_job_id from private.admin_retry_index_job(tests.id('cancelled')) as j),
  tests.id('cancelled'), 'a cancelled job is repeated too');
select is(
  tests.refusal($$ select private.admin_retry_index_job(tests.id('done')) $$),
  'PT409 not_repeatable job_id', 'a completed one is not');
select is(
  tests.refusal($$ select private.admin_retry_index_job(tests.id('waits')) $$),
  'PT409 not_repeatable job_id', 'nor one that waits');
select is(
  tests.refusal($$ select private.admin_retry_index_job(tests.id('runs')) $$),
  'PT409 not_repeatable job_id', 'nor one that runs');
select is(
  tests.refusal($$ select private.admin_retry_index_job(gen_random_uuid()) $$), 'PT404',
  'there has to be such a job');

select tests.act_as_worker();
select is(
  tests.refusal($$ select private.admin_retry_index_job(tests.id('failed')) $$), '42501',
  'the service does it through its claims only');
select tests.act_as(tests.alice());
select is(tests.refusal($$ select private.admin_retry_index_job(tests.id('failed')) $$), '42501', 'users may not');

select * from finish();
rollback;
