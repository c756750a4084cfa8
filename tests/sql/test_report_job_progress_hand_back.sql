begin;
select plan(10);

select tests.arrange_cast();
select tests.set_clock('2030-01-01 12:00Z');
select tests.arrange_job('job');
update index_jobs set max_attempts = 2 where id = tests.id('job');
select tests.act_as_worker();
select claim_index_job(tests.worker(1));
select fail_job_attempt(tests.id('job'), 1, 'down', true);
select tests.advance_clock('1 hour');
select claim_index_job(tests.worker(2));

select results_eq(
  $$ select r.cancel_requested, r.lease_expires_at
     from report_job_progress(tests.id('job'), 2, p_lease => '0') as r $$,
  $$ values (false, null::timestamptz) $$, 'a worker may hand its job back');
select is(
  tests.refusal($$ select report_job_progress(tests.id('job'), 2, p_lease => '30 seconds') $$),
  'PT409 stale_attempt attempt', 'its attempt is then over');
select is(
  (select array[s.retried, s.failed, s.cancelled] from retry_or_fail_stuck_jobs() as s),
  array[0, 0, 0], 'a handed-back job is not stuck');
select is(
  (select j.attempt from claim_index_job(tests.worker(3)) as j), 3,
  'the next claim returns it at once, even without attempts left');
select report_job_progress(tests.id('job'), 3, p_lease => '0');
select is(
  (select j.attempt from claim_index_job(tests.worker(4)) as j), 4,
  'it can be handed back any number of times');
select results_eq(
  $$ select e.attempt, e.detail ->> 'error', e.detail ? 'retry_at',
       (e.detail ->> 'handed_back')::boolean is true
     from get_job_history(tests.id('job')) as e where e.worker_id = tests.worker(2)::uuid $$,
  $$ values (2, null::text, false, false), (2, null, true, true) $$,
  'its event has no error, not even that of an earlier attempt');
select is(
  (select j.last_error from get_job_status(tests.id('job')) as j), 'down',
  'the last error does not change');
select tests.advance_clock('1 minute');
select is(
  (select array[s.retried, s.failed, s.cancelled] from retry_or_fail_stuck_jobs() as s),
  array[0, 1, 0], 'a lost worker still uses up its attempt');

select tests.act_as_admin();
select tests.arrange_job('queued');
select tests.act_as_worker();
select link_queue_job(tests.id('queued'), gen_random_uuid());
select update_job_status(tests.id('queued'), 'processing');
select is(
  tests.refusal($$ select report_job_progress(tests.id('queued'), 1, p_lease => '0') $$),
  'PT422 invalid_lease lease', 'a job of a queue cannot be handed back: no worker would claim it');
select lives_ok(
  $$ select update_job_status(tests.id('queued'), 'completed', p_attempt => 1) $$,
  'the job keeps running');
select * from finish();
rollback;
