begin;
select plan(21);

select tests.arrange_cast();
select tests.set_clock('2030-01-01 12:00Z');
select tests.arrange_job(n)
from unnest(array['job', 'unrun', 'given_up', 'lost', 'done', 'skipped', 'reported', 'wild',
  'unwanted', 'asked', 'free', 'foreign']) as n;
update index_jobs set queue_job_id = id where id <> tests.id('free');
update index_jobs set queue_job_id = gen_random_uuid() where id = tests.id('foreign');
create function pg_temp.mirror(
  p_name text, p_state text, p_run integer default null, p_error text default null,
  p_stats jsonb default null, p_retry_at timestamptz default null
) returns text language sql as $$
  select concat_ws(' ',
    private.mirror_queue_state(tests.id(p_name), p_state, p_run, p_error, p_stats, p_retry_at));
$$;
create function pg_temp.job(p_name text) returns text language sql as $$
  select concat_ws(' ', j.status, j.attempt, j.version, coalesce(j.error_message, j.last_error))
  from index_jobs as j where j.id = tests.id(p_name);
$$;

select is(pg_temp.mirror('free', 'active', 0), '', 'a job without a queue is not moved');
select is(pg_temp.mirror('foreign', 'active', 0), '', 'a job of another queue is not moved');
select is(pg_temp.mirror('job', 'created'), 'pending', 'a waiting row changes nothing');
select is(pg_temp.mirror('job', 'active', 0), 'processing', 'a run starts the attempt');
select is(pg_temp.mirror('job', 'active', 0), 'processing', 'a repeat changes nothing');
select is(pg_temp.job('job'), 'processing 1 2', 'a run can start without a worker');
select pg_temp.mirror('job', 'retry', 0, ' https://a:b@c is down ', null, '2030-01-01 13:00Z');
select is(
  (select concat_ws(' ', j.status, j.last_error, to_char(j.retry_at at time zone 'UTC', 'HH24:MI'))
  from index_jobs as j where j.id = tests.id('job')),
  'processing https://***@c is down 13:00',
  'a failed run waits until the queue starts the next one');
select pg_temp.mirror('job', 'retry', 0, 'down', null, '2030-01-01 13:30Z');
select is(pg_temp.job('job'), 'processing 1 3 https://***@c is down', 'a run fails only once');
select pg_temp.mirror('job', 'retry', 0, 'down', null, '2030-01-01 13:30Z');
select pg_temp.mirror('job', 'created');
select is(pg_temp.job('job'), 'processing 1 3 https://***@c is down', 'no job moves backward');
select pg_temp.mirror('job', 'retry', 2, null, null, '2030-01-01 11:00Z');
select is(
  (select concat_ws(' ', j.attempt, j.last_error, j.retry_at > private.clock(),
     (select bool_or(e.detail ? 'handed_back') from index_job_events as e where e.job_id = j.id))
   from index_jobs as j where j.id = tests.id('job')),
  '2 the worker was lost t f', 'a missed run starts and ends, and is not recorded as handed back');
select is(
  pg_temp.mirror('job', 'completed', 3, null, '{"files_indexed": 1}'), 'completed',
  'a finished run completes the job');
select results_eq(
  $$ select j.attempt, j.stats from index_jobs as j where j.id = tests.id('job') $$,
  $$ values (3, '{"files_indexed": 1}'::jsonb) $$, 'the job gets the result of the run');
select is(pg_temp.mirror('job', 'failed', 3), 'completed', 'a final status does not change');

select pg_temp.mirror('done', 'completed', 0, null, v)
from unnest(array[jsonb_build_object('x', repeat('y', 16384))]) as v;
select pg_temp.mirror('wild', 'completed', 0, null, '[1]');
select results_eq(
  $$ select j.status::text, j.stats from index_jobs as j
     where j.id in (tests.id('done'), tests.id('wild')) $$,
  $$ values ('completed', null::jsonb), ('completed', null) $$,
  'results that are too large or not objects are omitted');
select pg_temp.mirror('skipped', 'completed');
select is(
  pg_temp.job('skipped'), 'failed 0 2 the queue ended the job without running it',
  'a job that never ran is not completed');
select pg_temp.mirror('reported', 'active', 0);
select fail_job_attempt(tests.id('reported'), 1, 'down');
select pg_temp.mirror('reported', 'completed', 0);
select is(
  pg_temp.job('reported'), 'failed 1 4 down',
  'a job whose worker reported a failure is not completed');
select pg_temp.mirror('given_up', 'failed', 0, 'gone');
select is(pg_temp.job('given_up'), 'failed 1 3 gone', 'the queue may give up');
select pg_temp.mirror('lost', 'failed', 0, '');
select is(pg_temp.job('lost'), 'failed 1 3 the worker was lost',
  'the queue may give up without a report of the worker');
select pg_temp.mirror('unrun', 'failed', null, 'deleted');
select is(pg_temp.job('unrun'), 'failed 0 2 deleted', 'the queue may give up before the first run');
select is(pg_temp.mirror('unwanted', 'cancelled'), 'cancelled', 'the queue may cancel the job');
select pg_temp.mirror('asked', 'active', 0);
update index_jobs set cancel_requested_at = private.clock() where id = tests.id('asked');
select is(
  pg_temp.mirror('asked', 'retry', 0, 'down'), 'cancelled',
  'a job with a cancellation request is not run again');

select * from finish();
rollback;
