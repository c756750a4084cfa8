begin;
select plan(7);

select tests.set_clock('2026-03-01 12:00+00');
select tests.arrange_cast();
select tests.arrange_job('again', 'processing');
select tests.arrange_job('lost', 'processing');
select tests.arrange_job('given_up', 'processing');
select tests.arrange_job('unwanted', 'processing');
update index_jobs set max_attempts = 1 where id = tests.id('lost');
update index_jobs set cancel_requested_at = private.clock() where id = tests.id('unwanted');

select results_eq(
  $$ select e.status::text, e.last_error, e.retry_at > private.clock(), e.lease_expires_at
     from index_jobs as j, private.end_attempt(j, private.clock(), 'down', true) as e
     where j.id = tests.id('again') $$,
  $$ values ('processing', 'down', true, null::timestamptz) $$,
  'with attempts left, the job waits for the next one');
select results_eq(
  $$ select e.status::text, e.last_error, e.error_message
     from index_jobs as j, private.end_attempt(j, private.clock(), null, true) as e
     where j.id = tests.id('lost') $$,
  $$ values ('failed', 'the worker was lost',
       'the worker was lost and all 1 attempts are used up') $$,
  'without attempts left, the job fails with the reason');
select results_eq(
  $$ select e.status::text, e.error_message, e.completed_at
     from index_jobs as j, private.end_attempt(j, private.clock(), 'gone', false) as e
     where j.id = tests.id('given_up') $$,
  $$ values ('failed', 'gone', private.clock()) $$,
  'a failure that cannot be retried fails the job at once');
select results_eq(
  $$ select e.status::text, e.last_error
     from index_jobs as j, private.end_attempt(j, private.clock(), null, true) as e
     where j.id = tests.id('unwanted') $$,
  $$ values ('cancelled', null::text) $$, 'a job with a cancellation request is not retried');

select tests.arrange_job('queued', 'processing');
update index_jobs set max_attempts = 1, queue_job_id = id where id = tests.id('queued');
select results_eq(
  $$ select e.status::text, e.retry_at
     from index_jobs as j,
       private.end_attempt(j, private.clock(), 'down', true, private.clock() + '1 hour') as e
     where j.id = tests.id('queued') $$,
  $$ values ('processing', private.clock() + '1 hour') $$,
  'an external queue decides itself on retries and delays');
select ok(
  (select e.retry_at between private.clock() + '2.5 seconds' and private.clock() + '5 seconds'
   from index_jobs as j, private.end_attempt(j, private.clock(), 'down', true) as e
   where j.id = tests.id('queued')), 'without a stated time the usual delay is assumed');
select ok(
  (select e.retry_at > private.clock()
   from index_jobs as j,
     private.end_attempt(j, private.clock(), 'down', true, private.clock()) as e
   where j.id = tests.id('queued')), 'a failed attempt is never recorded as handed back');

select * from finish();
rollback;
