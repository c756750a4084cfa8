begin;
select plan(3);

select tests.arrange_cast();
select tests.set_clock('2026-01-01 12:00:00+00');
select tests.arrange_job('failing');
select tests.act_as_worker();
select claim_index_job(tests.worker(1));
select fail_job_attempt(tests.id('failing'), 1, 'down');
select tests.advance_clock('1 hour');
select claim_index_job(tests.worker(1));
select fail_job_attempt(tests.id('failing'), 2, 'down');
select results_eq(
  $$ select e.attempt, e.detail ->> 'error' from index_job_events as e
     where e.job_id = tests.id('failing') and e.detail ? 'retry_at' order by 1 $$,
  $$ values (1, 'down'), (2, 'down') $$,
  'each failed attempt records its reason, even the same one');

select tests.act_as_admin();
update index_jobs set cancel_requested_at = private.clock() where id = tests.id('failing');
select is(
  (select e.detail from index_job_events as e where e.job_id = tests.id('failing')
   order by e.event_no desc limit 1),
  '{"cancel_requested": true}', 'an unchanged value is not recorded again');

delete from index_jobs;
select tests.arrange_job('lost');
select tests.act_as_worker();
select claim_index_job(tests.worker(1), '1 second');
select tests.advance_clock('1 hour');
select claim_index_job(tests.worker(2), '1 second');
select tests.advance_clock('1 hour');
select claim_index_job(tests.worker(3), '1 second');
select results_eq(
  $$ select e.attempt, e.detail from index_job_events as e
     where e.job_id = tests.id('lost') and e.attempt > 1 order by 1 $$,
  $$ values (2, '{"error": "the worker was lost"}'::jsonb),
       (3, '{"error": "the worker was lost"}') $$, 'each lost worker is recorded');

select * from finish();
rollback;
