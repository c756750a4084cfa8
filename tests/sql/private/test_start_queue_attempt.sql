begin;
select plan(5);

select tests.arrange_cast();
select tests.set_clock('2030-01-01 12:00Z');
select tests.arrange_job('job');
create function pg_temp.start(p_run integer, p_worker uuid) returns text language sql as $$
  select concat_ws(' ', s.status, s.attempt, coalesce(s.worker_id = tests.worker(1)::uuid, false),
    s.last_error)
  from index_jobs as j,
    private.start_queue_attempt(j, private.clock(), p_run, p_worker, private.clock()) as s
  where j.id = tests.id('job');
$$;

select is(pg_temp.start(0, null), 'processing 1 f', 'a run may start before its worker is known');
select tests.advance_clock('1 minute');
select is(pg_temp.start(0, tests.worker(1)::uuid), 'processing 1 t',
  'the worker can take it later');
select results_eq(
  $$ select j.started_at, j.heartbeat_at, j.progress, j.version from index_jobs as j
     where j.id = tests.id('job') $$,
  $$ values ('2030-01-01 12:00Z'::timestamptz, '2030-01-01 12:01Z'::timestamptz, null::jsonb,
       3::bigint) $$, 'the job starts with the run');
select is(
  pg_temp.start(1, null), 'processing 2 f the worker was lost',
  'the next run records that the previous attempt was lost');
update index_jobs set retry_at = private.clock(), last_error = 'down' where id = tests.id('job');
select is(pg_temp.start(2, null), 'processing 3 f down',
  'it records nothing if that attempt had ended');

select * from finish();
rollback;
