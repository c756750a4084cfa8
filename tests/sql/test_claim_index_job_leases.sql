begin;
select plan(12);

select tests.set_clock('2026-03-01 12:00+00');
select tests.arrange_cast();
select tests.arrange_job('job');

select tests.act_as_worker();
select is(
  (select j.id from claim_index_job(tests.worker(1), '30 seconds') as j), tests.id('job'),
  'worker 1 has the job for 30 seconds');
select tests.advance_clock('29 seconds');
select is_empty(
  $$ select j.id from claim_index_job(tests.worker(2)) as j $$,
  'no other worker gets the job during the lease');
select is(
  tests.refusal($$ select report_job_progress(tests.id('job'), 1, 'clone', 1, 2, '30 seconds') $$),
  'accepted', 'worker 1 extends the lease');
select tests.advance_clock('29.999 seconds');
select is_empty(
  $$ select j.id from claim_index_job(tests.worker(2)) as j $$,
  'no other worker gets the job during the extended lease');
select tests.advance_clock('0.001 seconds');
select results_eq(
  $$ select j.id, j.status::text, j.attempt, j.worker_id, j.progress, j.started_at, j.heartbeat_at
     from claim_index_job(tests.worker(2), '30 seconds') as j $$,
  $$ values (tests.id('job'), 'processing', 2, tests.worker(2)::uuid, null::jsonb,
       timestamptz '2026-03-01 12:00+00', timestamptz '2026-03-01 12:00:59+00') $$,
  'after its expiry the next worker starts again; the job keeps its start time');

select is(
  tests.refusal($$ select report_job_progress(tests.id('job'), 2, p_lease => '0') $$),
  'accepted', 'worker 2 hands the job back');
select is(
  (select j.attempt from claim_index_job(tests.worker(3), '30 seconds') as j), 3,
  'a handed-back job can be claimed at once');

select tests.act_as_admin();
select tests.arrange_job('next');
select tests.arrange_job('unleased', 'processing');
update index_jobs set max_attempts = 3 where id = tests.id('job');
select tests.advance_clock('1 hour');
select tests.act_as_worker();
select is(
  (select j.id from claim_index_job(tests.worker(4), '30 seconds') as j), tests.id('next'),
  'a claim that meets a job without attempts left goes on to the next');
select results_eq(
  $$ select j.status::text, j.attempt, j.error_message, j.completed_at from index_jobs as j
     where j.id = tests.id('job') $$,
  $$ values ('failed', 3, 'the worker was lost and all 3 attempts are used up',
       timestamptz '2026-03-01 13:00:59+00') $$,
  'a job without attempts left fails with the reason');
select is_empty(
  $$ select j.id from claim_index_job(tests.worker(5)) as j $$,
  'a job started without a lease is not claimed');

select tests.act_as_admin();
update index_jobs set lease_expires_at = null, retry_at = '2026-03-01 14:00+00'
where id = tests.id('next');
select tests.set_clock('2026-03-01 13:59:59+00');
select tests.act_as_worker();
select is_empty(
  $$ select j.id from claim_index_job(tests.worker(6)) as j $$,
  'a job that waits for its retry is not claimed');
select tests.set_clock('2026-03-01 14:00+00');
select is(
  (select j.attempt from claim_index_job(tests.worker(6)) as j), 2,
  'a job whose retry is due is claimed');

select * from finish();
rollback;
