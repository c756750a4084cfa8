begin;
select plan(16);

select tests.arrange_cast();
select tests.set_clock('2030-01-01 12:00Z');
select tests.arrange_job('job');
select tests.name_id('row', '00000000-0000-4000-8000-00000000aaaa');
create function pg_temp.begin(p_run integer, p_worker integer default 1) returns text
language sql as $$
  select j.status || ' ' || j.attempt || ' ' || (j.worker_id = tests.worker(p_worker)::uuid)
    || ' until ' || to_char(j.lease_expires_at at time zone 'UTC', 'HH24:MI:SS')
  from public.begin_queue_attempt(
    tests.id('job'), tests.id('row'), p_run, tests.worker(p_worker)) as j;
$$;

select tests.act_as_worker();
select is(
  tests.refusal($$ select begin_queue_attempt(tests.id('job'), tests.id('row'), 0, null) $$),
  'PT422 missing_worker_id worker_id', 'an attempt requires a worker');
select is(
  tests.refusal(format($$ select begin_queue_attempt(tests.id('job'), tests.id('row'), %s,
    tests.worker(1)) $$, v)),
  'PT422 invalid_queue_attempt queue_attempt', 'the run count of a queue starts at zero: ' || v)
from unnest(array['null', '-1']) as v;
select is(
  tests.refusal($$ select begin_queue_attempt(tests.id('job'), tests.id('row'), 0,
    tests.worker(1), null) $$),
  'PT422 invalid_lease lease', 'an attempt requires a lease');
select is(pg_temp.begin(0), 'processing 1 true until 12:00:30', 'the first run is attempt 1');
select is(
  (select j.queue_job_id from get_job_status(tests.id('job')) as j), tests.id('row'),
  'the job is linked to its row in the queue');
select tests.advance_clock('10 seconds');
select is(
  pg_temp.begin(0), 'processing 1 true until 12:00:30',
  'a repeat by the same worker returns the same row');
select is(
  tests.refusal('select pg_temp.begin(0, 2)'), 'PT409 already_processing worker_id',
  'a run has only one worker');
select is(
  pg_temp.begin(4), 'processing 2 true until 12:00:40',
  'a later run is the next attempt, even of the same worker');
select results_eq(
  $$ select e.to_status::text, e.attempt, e.detail ->> 'error'
     from get_job_history(tests.id('job')) as e where e.event_no > 1 $$,
  $$ values ('processing', 1, null), ('processing', 2, 'the worker was lost') $$,
  'the previous attempt is recorded as lost');
select is(
  tests.refusal('select pg_temp.begin(3)'), 'PT409 stale_attempt queue_attempt',
  'an earlier run is rejected');
select fail_job_attempt(tests.id('job'), 2, 'down');
select is(
  tests.refusal('select pg_temp.begin(4)'), 'PT409 stale_attempt queue_attempt',
  'a run whose failure was reported is rejected');
select pg_temp.begin(v) from generate_series(5, 6) as v;
select is(
  pg_temp.begin(7), 'processing 5 true until 12:00:40',
  'max_attempts is ignored: the queue decides on retries');

select tests.act_as(tests.alice());
select cancel_index_job(tests.id('job'));
select tests.act_as_worker();
select is_empty(
  'select begin_queue_attempt(tests.id(''job''), tests.id(''row''), 8, tests.worker(1))',
  'no attempt starts after a cancellation request');
select is(
  (select j.status::text from get_job_status(tests.id('job')) as j), 'cancelled',
  'the job is cancelled instead');
select is(
  tests.refusal('select pg_temp.begin(9)'), 'PT409 not_processing job_id',
  'a final job does not start');

select * from finish();
rollback;
