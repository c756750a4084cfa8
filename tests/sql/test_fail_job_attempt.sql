begin;
select plan(17);

select tests.arrange_cast();
select tests.set_clock('2030-01-01 12:00Z');
select tests.job_for(tests.alice_repository()) as id into temp job;
grant select on job to public;
select tests.act_as_worker();

select is(
  tests.refusal($$ select fail_job_attempt((select id from job), 0, 'x') $$),
  'PT409 not_processing job_id', 'an unclaimed job has no attempt to fail');
select claim_index_job(tests.worker(1), '30 seconds');
select is(
  tests.refusal($$ select fail_job_attempt((select id from job), 1, E' \n') $$),
  'PT422 error_required error', 'a failure requires an error');
select is(
  tests.refusal($$ select fail_job_attempt((select id from job), 1, 'x', null) $$),
  'PT422 invalid_retryable retryable', 'a failure states whether it can be retried');
select results_eq(
  $$ select j.status::text, j.attempt, j.lease_expires_at, j.last_error, j.error_message,
       j.retry_at between private.clock() + '2.5 seconds' and private.clock() + '5 seconds'
     from fail_job_attempt((select id from job), 1, 'https://u:p@h is down') as j $$,
  $$ values ('processing', 1, null::timestamptz, 'https://***@h is down', null::text, true) $$,
  'after a retryable failure the job waits for its next attempt without a lease');
select is(
  (select j.version from fail_job_attempt((select id from job), 1, 'https://u:p@h is down') as j),
  3::bigint, 'a repeated report changes nothing');
select is(
  tests.refusal($$ select fail_job_attempt((select id from job), 1, 'something else') $$),
  'PT409 stale_attempt attempt', 'an attempt ends only once');
select is(
  tests.refusal($$ select update_job_status((select id from job), 'completed', '{}', 1) $$),
  'PT409 stale_attempt attempt', 'a worker that reported its failure cannot complete the job');
select is(
  tests.refusal($$ select report_job_progress((select id from job), 1, p_lease => '1 hour') $$),
  'PT409 stale_attempt attempt',
  'a worker that reported its failure cannot keep the job by a heartbeat');
select is_empty(
  $$ select claim_index_job(tests.worker(2), '30 seconds') $$,
  'no worker gets the job before retry_at');

select tests.advance_clock('5 seconds');
select is(
  (select j.attempt from claim_index_job(tests.worker(2), '30 seconds') as j), 2,
  'from retry_at on the next worker starts the next attempt');
select is(
  tests.refusal($$ select fail_job_attempt((select id from job), 1, 'https://u:p@h is down') $$),
  'PT409 stale_attempt attempt', 'a late worker is rejected');
select results_eq(
  $$ select j.status::text, j.error_message, j.last_error, j.completed_at, j.retry_at
     from fail_job_attempt((select id from job), 2, 'no such ref', false) as j $$,
  $$ values ('failed', 'no such ref', 'no such ref', private.clock(), null::timestamptz) $$,
  'a failure that cannot be retried is final');

select tests.act_as_admin();
select results_eq(
  $$ select e.event_no, e.to_status::text, e.attempt, e.detail ->> 'error', e.detail ? 'retry_at'
     from public.index_job_events as e where e.job_id = (select id from job) order by 1 $$,
  $$ values (1, 'pending', 0, null, false), (2, 'processing', 1, null, false),
       (3, 'processing', 1, 'https://***@h is down', true), (4, 'processing', 2, null, false),
       (5, 'failed', 2, 'no such ref', false) $$,
  'each attempt has a start event and an end event');

select tests.job_for(tests.alice_repository()) as id into temp last_job;
update public.index_jobs set max_attempts = 1 where id = (select id from last_job);
grant select on last_job to public;
select tests.act_as_worker();
select claim_index_job(tests.worker(1), '30 seconds');
select results_eq(
  $$ select j.status::text, j.error_message, j.last_error, j.version
     from fail_job_attempt((select id from last_job), 1, 'down') as f
     cross join fail_job_attempt((select id from last_job), 1, 'down') as j $$,
  $$ values ('failed', 'down', 'down', 3::bigint) $$,
  'the last attempt has no successor, and its report can be repeated');

select tests.arrange_job('queued');
select tests.arrange_job('cancelled');
select tests.act_as_worker();
select link_queue_job(tests.id(v.name), gen_random_uuid())
from (values ('queued'), ('cancelled')) as v (name);
select update_job_status(tests.id(v.name), 'processing')
from (values ('queued'), ('cancelled')) as v (name);
select tests.act_as_admin();
update index_jobs set max_attempts = 1 where id = tests.id('queued');
select tests.act_as_worker();
select is(
  (select j.status::text || (j.retry_at > private.clock())
   from fail_job_attempt(tests.id('queued'), 1, 'down') as j),
  'processingtrue', 'a job of a queue waits until the queue starts it again or gives up');
select is(
  tests.refusal($$ select update_job_status(tests.id('queued'), 'completed', '{}', 1) $$),
  'PT409 stale_attempt attempt', 'its attempt has ended');
select tests.act_as(tests.alice());
select cancel_index_job(tests.id('cancelled'));
select tests.act_as_worker();
select is(
  (select j.status::text from fail_job_attempt(tests.id('cancelled'), 1, 'down') as j),
  'cancelled', 'it is cancelled if its user requested that');

select * from finish();
rollback;
