begin;
select plan(2);

select tests.set_clock('2026-03-01 12:00+00');
select tests.arrange_cast();
select tests.arrange_job('job');
select is_empty(
  $$ select a.attempt from private.job_attempts(tests.id('job')) as a $$,
  'a job that nobody began has no attempts');

select tests.act_as_worker();
select claim_index_job('worker-1');
select tests.advance_clock('1 second');
select fail_job_attempt(tests.id('job'), 1, 'down');
select tests.advance_clock('5 seconds');
select claim_index_job('worker-2');
select tests.act_as_admin();
select results_eq(
  $$ select a.attempt, a.worker_id, a.ended_at - a.started_at, a.outcome, a.error
     from private.job_attempts(tests.id('job')) as a $$,
  $$ values (1, 'worker-1', interval '1 second', 'retry', 'down'),
       (2, 'worker-2', null, null, null) $$,
  'each has its worker, its end and why; the one that runs has none');

select * from finish();
rollback;
