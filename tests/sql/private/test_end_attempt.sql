begin;
select plan(4);

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
  'with attempts left the job waits for the next one');
select results_eq(
  $$ select e.status::text, e.last_error, e.error_message
     from index_jobs as j, private.end_attempt(j, private.clock(), null, true) as e
     where j.id = tests.id('lost') $$,
  $$ values ('failed', 'the worker was lost',
       'the worker was lost and all 1 attempts are used up') $$,
  'without any it is failed and says so');
select results_eq(
  $$ select e.status::text, e.error_message, e.completed_at
     from index_jobs as j, private.end_attempt(j, private.clock(), 'gone', false) as e
     where j.id = tests.id('given_up') $$,
  $$ values ('failed', 'gone', private.clock()) $$, 'what is not worth it is failed at once');
select results_eq(
  $$ select e.status::text, e.last_error
     from index_jobs as j, private.end_attempt(j, private.clock(), null, true) as e
     where j.id = tests.id('unwanted') $$,
  $$ values ('cancelled', null::text) $$, 'what is to be cancelled is not tried again');

select * from finish();
rollback;
