begin;
select plan(3);

select tests.set_clock('2026-03-01 12:00+00');
select tests.arrange_cast();
select tests.arrange_job('job');
select is_empty(
  $$ select a.attempt from private.job_attempts(tests.id('job')) as a $$,
  'an unclaimed job has no attempts');

select tests.act_as_worker();
select claim_index_job(tests.worker(1));
select tests.advance_clock('1 second');
select fail_job_attempt(tests.id('job'), 1, 'down');
select tests.advance_clock('5 seconds');
select claim_index_job(tests.worker(2));
select tests.act_as_admin();
select results_eq(
  $$ select a.attempt, a.worker_id, a.ended_at - a.started_at, a.outcome, a.error
     from private.job_attempts(tests.id('job')) as a $$,
  $$ values (1, tests.worker(1)::uuid, interval '1 second', 'retry', 'down'),
       (2, tests.worker(2)::uuid, null, null, null) $$,
  'each attempt has worker, end and reason; a running one has no end');

select tests.act_as_worker();
select report_job_progress(tests.id('job'), 2, p_lease => '0');
select claim_index_job(tests.worker(3));
select tests.act_as_admin();
select results_eq(
  $$ select a.attempt, a.outcome from private.job_attempts(tests.id('job')) as a $$,
  $$ values (1, 'retry'), (2, 'handed_back'), (3, null) $$,
  'a handed-back attempt is distinguishable');

select * from finish();
rollback;
