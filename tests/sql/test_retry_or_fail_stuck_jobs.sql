begin;
select plan(13);

select tests.arrange_cast();
select tests.set_clock('2030-01-01 11:59Z');
create temp table jobs (name text, id uuid);
grant select on jobs to public;
create function tests.job(p_name text)
returns uuid
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$ select j.id from pg_temp.jobs as j where j.name = p_name $$;
insert into jobs values ('pending', tests.job_for(tests.alice_repository())); -- first
select tests.set_clock('2030-01-01 12:00Z');
insert into jobs
select v.name, tests.job_for(tests.alice_repository())
from (values ('leased'), ('last'), ('asked'), ('plain'), ('queued'),
  ('queued and asked'), ('plain too')) as v (name);
update public.index_jobs set max_attempts = 1 where id = tests.job('last');
select tests.act_as_worker();
select link_queue_job(tests.job(v), gen_random_uuid())
from unnest(array['queued', 'queued and asked']) as v;
select update_job_status(tests.job(v), 'processing')
from unnest(array['queued', 'queued and asked', 'plain too']) as v;
select update_job_status(tests.job('plain'), 'processing');
select update_job_status(tests.job('asked'), 'processing');
select update_job_status(tests.job('leased'), 'processing');
select update_job_status(tests.job('last'), 'processing');
select report_job_progress(tests.job('leased'), 1, p_lease => '30 seconds');
select report_job_progress(tests.job('last'), 1, p_lease => '30 seconds');
select report_job_progress(tests.job('queued'), 1, p_lease => '30 seconds');
select tests.act_as(tests.alice());
select cancel_index_job(tests.job(v)) from unnest(array['asked', 'queued and asked']) as v;
select tests.act_as_worker();

select tests.advance_clock('29 seconds');
select results_eq(
  'select * from retry_or_fail_stuck_jobs()', 'values (0, 0, 0)', 'nothing is stuck yet');
select tests.advance_clock('1 second');
select results_eq(
  'select * from retry_or_fail_stuck_jobs()', 'values (1, 1, 0)',
  'an expired lease ends the attempt, and after the last one the job');
select results_eq(
  'select * from retry_or_fail_stuck_jobs()', 'values (0, 0, 0)', 'a second call finds nothing');
select results_eq(
  $$ select j.status::text, j.last_error, j.lease_expires_at, j.retry_at > private.clock()
     from get_job_status(tests.job('leased')) as j $$,
  $$ values ('processing', 'the worker was lost', null::timestamptz, true) $$,
  'a job with attempts left waits for the next one and has the reason');
select is(
  (select j.error_message from get_job_status(tests.job('last')) as j),
  'the worker was lost and all 1 attempts are used up', 'a job without attempts left fails');
select is(
  tests.refusal($$ select report_job_progress(tests.job('leased'), 1, p_lease => '30 seconds') $$),
  'PT409 stale_attempt attempt', 'the lost worker is rejected when it returns');

select tests.advance_clock('30 seconds');
select results_eq(
  'select * from retry_or_fail_stuck_jobs()', 'values (0, 0, 2)',
  'a job is cancelled one minute after the request, with or without worker or queue');
select tests.advance_clock('58 minutes 59 seconds');
select results_eq(
  'select * from retry_or_fail_stuck_jobs()', 'values (0, 0, 0)',
  'without a lease a worker may be silent for an hour');
select tests.advance_clock('1 second');
select results_eq(
  $$ select s.retried + s.failed
     from generate_series(1, 3) as n
     cross join lateral retry_or_fail_stuck_jobs(interval '1 hour' + n * interval '0', 1) as s $$,
  'values (1), (1), (0)', 'p_limit limits a call, and the next one continues');
select results_eq(
  $$ select j.status::text from get_job_status(tests.job('plain')) as j union all
     select j.status::text from get_job_status(tests.job('queued')) as j $$,
  $$ values ('processing'), ('processing') $$,
  'a job of a queue is left alone');
select is(
  (select j.attempt || ' ' || (j.retry_at is null) || ' ' || j.version
   from get_job_status(tests.job('queued')) as j), '1 true 3', 'it does not change');
select is(
  tests.refusal($$ select retry_or_fail_stuck_jobs('-1 second') $$),
  'PT422 invalid_older_than older_than', 'an age may not be negative');
select is(
  tests.refusal($$ select retry_or_fail_stuck_jobs(p_limit => 0) $$),
  'PT422 invalid_limit limit', 'a batch size is required');

select * from finish();
rollback;
