-- Each reason in the order of the checks, with its sentence and time.
begin;
select plan(17);

select tests.arrange_cast();
select tests.set_clock('2030-01-01 12:00Z');
create function pg_temp.why(p_name text) returns text language sql as $$
  select concat_ws('|', e.reason, e.sentence, to_char(e.until, 'HH24:MI:SS'), e.position)
  from explain_index_job(tests.id(p_name)) as e
$$;
set local timezone = 'UTC';
insert into private.index_durations
  (repository_id, commit_sha, bytes, bytes_unchanged, seconds, ended_at)
select tests.acme_repository(), 'x', 1, 0, s, private.clock() from unnest('{10, 20, 30}'::integer[]) as s;
select tests.arrange_job('completed', 'completed');
select tests.arrange_job('failed', 'failed');
select tests.arrange_job('cancelled', 'cancelled');
select tests.arrange_job('linked');
select tests.set_clock('2030-01-01 11:59:59Z');
select tests.arrange_job('job', p_repository_id => tests.acme_repository());
select tests.set_clock('2030-01-01 12:00Z');
select tests.act_as_worker();
select link_queue_job(tests.id('linked'), gen_random_uuid());

select is(pg_temp.why('completed'), 'completed|The job is completed.', 'completed');
select is(pg_temp.why('failed'), 'failed|The job failed: it broke', 'failed');
select is(pg_temp.why('cancelled'), 'cancelled|The job was cancelled.', 'cancelled');
select is(
  pg_temp.why('linked'), 'external_queue|An external queue decides when this job runs.',
  'external_queue');
select is(
  pg_temp.why('job'), 'no_runner|Waiting: no worker has been seen for 15 seconds.|0', 'no_runner');
select report_runner(tests.worker(1), 'host', 1, '1', 2, 1);
select is(
  pg_temp.why('job'), 'up_next|Next in line: the next free worker will claim it. Completed in about'
    ' 20 s (p90 36 s, from the last 3 runs of this repository).|0', 'up_next');
select report_runner(tests.worker(1), 'host', 1, '1', 2, 2);
select matches(
  pg_temp.why('job'), '^runners_busy\|Next in line: every worker is busy\..*\|0$', 'runners_busy');
select tests.act_as_admin();
select tests.arrange_job('another', p_repository_id => tests.acme_repository());
select is(
  pg_temp.why('another'), 'in_line|Waiting: 1 job comes first, yours.|1', 'in_line');

select tests.act_as_worker();
select j.id from claim_index_job(tests.worker(1), '30 seconds') as j;
select tests.advance_clock('14 seconds');
select is(
  pg_temp.why('job'), 'working|A worker is on attempt 1 of 3. Completed in about 11 s (p90 23 s, from'
    ' the last 3 runs of this repository).|12:00:30', 'working');
select tests.advance_clock('1 second');
select is(
  pg_temp.why('job'), 'silent|No heartbeat from the worker for 15 s. Another worker takes the job'
    ' over in 15 s.|12:00:30', 'a worker is silent when half of the lease has passed');
select tests.advance_clock('15 seconds');
select is(
  pg_temp.why('job'), 'silent|No heartbeat from the worker for 30 s. Another worker takes the job'
    ' over.|12:00:30|0', 'a job is free when its lease has expired');
select is(
  pg_temp.why('another'), 'no_runner|Waiting: no worker has been seen for 15 seconds, and 1 job'
    ' comes first, yours.|1', 'no worker has been seen for 15 seconds');
select tests.act_as_admin();
update index_jobs set max_attempts = 1 where id = tests.id('job');
select is(
  pg_temp.why('job'), 'silent|No heartbeat from the worker for 30 s. All 1 attempts are used up:'
    ' the job fails.|12:00:30', 'a job without attempts left is not free');
update index_jobs set max_attempts = 3 where id = tests.id('job');

select tests.act_as(tests.bob());
select j.id from cancel_index_job(tests.id('job')) as j;
select tests.act_as_worker();
select is(
  pg_temp.why('job'), 'cancelling|The worker was asked to stop. The job will be cancelled in 60 s at the'
    ' latest.|12:01:30', 'cancelling');
select tests.advance_clock('60 seconds');
select is(
  pg_temp.why('job'), 'cancelling|The worker was asked to stop. The job will be cancelled now, whatever'
    ' the worker does.|12:01:30', 'the cancellation ends after a minute');

select j.id from claim_index_job(tests.worker(2), '1 minute') as j;
select fail_job_attempt(tests.id('another'), 1, 'down');
select tests.act_as_admin();
update index_jobs set retry_at = private.clock() + '4 seconds' where id = tests.id('another');
select is(
  pg_temp.why('another'), 'retry_at|Attempt 2 of 3 may start in 4 s. Last error: down|12:01:34',
  'retry_at');
select tests.advance_clock('4 seconds');
select matches(pg_temp.why('another'), '^up_next', 'after its delay the job is queued again');

select * from finish();
rollback;
