begin;
select plan(9);

-- events logged since the last call, in order
create function pg_temp.logged() returns setof text language sql as $$
  with taken as (delete from private.job_metric_log as l returning l.*)
  select concat_ws(' ', coalesce(t.from_status::text, 'none'), t.to_status, t.outcome,
    'wait ' || extract(epoch from t.wait)::integer,
    'duration ' || extract(epoch from t.duration)::integer)
  from taken as t
  order by t.at, t.to_status;
$$;
create function pg_temp.claim(p_lease text default '1 hour') returns void language plpgsql as $$
begin
  perform public.claim_index_job(tests.worker(1), p_lease::interval);
end;
$$;

select tests.set_clock('2030-01-01 12:00Z');
select tests.arrange_cast();
select tests.arrange_job('job');
select tests.advance_clock('3 seconds');
select pg_temp.claim('10 seconds');
select results_eq(
  'select pg_temp.logged()', $$ values ('none pending'), ('pending processing wait 3') $$,
  'a job is created and begun: its wait is recorded');
update index_jobs set cancel_requested_at = private.clock() where id = tests.id('job');
update index_jobs set cancel_requested_at = null where id = tests.id('job');
select is_empty('select pg_temp.logged()',
  'changes that neither end an attempt nor move the job are not counted');
select tests.advance_clock('20 seconds');
select pg_temp.claim();
select results_eq(
  'select pg_temp.logged()', $$ values ('processing processing lost') $$,
  'when the next attempt begins unannounced, the previous one is lost; the wait counts once');
select report_job_progress(tests.id('job'), 2, p_lease => '0');
select results_eq(
  'select pg_temp.logged()', $$ values ('processing processing handed_back') $$,
  'a hand-back is recorded, whatever happened to the previous attempt');
select tests.advance_clock('1 second');
select pg_temp.claim();
select is_empty('select pg_temp.logged()', 'starting again afterwards ends no attempt');
select fail_job_attempt(tests.id('job'), 3, 'host is down');
select tests.advance_clock('1 hour');
select pg_temp.claim('1 second');
select tests.advance_clock('5 seconds');
select retry_or_fail_stuck_jobs();
select tests.arrange_job('other', 'processing');
select fail_job_attempt(tests.id('other'), 1, 'down');
update index_jobs
set status = 'cancelled', retry_at = null, completed_at = private.clock()
where id = tests.id('other');
select is(
  (select array_agg(m.outcome || ' ' || m.events order by m.outcome)
  from private.job_metrics as m where m.outcome is not null),
  array['lost 1', 'retry 1'], 'a failed attempt is retried; a silent one is lost');
select results_eq(
  'select pg_temp.logged()',
  $$ values ('none pending'), ('pending processing wait 0'), ('processing processing retry'),
    ('processing cancelled duration 0') $$,
  'a job that ends between attempts ends no attempt');
select tests.arrange_job(n, 'processing') from unnest(array['a', 'b', 'c']) as n;
select pg_temp.logged();
select tests.advance_clock('7 seconds');
select update_job_status(tests.id('a'), 'completed', '{}', 1);
select update_job_status(tests.id('b'), 'failed', '{"error": "no"}', 1);
select update_job_status(tests.id('c'), 'cancelled', '{}', 1);
select results_eq(
  'select pg_temp.logged()',
  $$ values ('processing completed completed duration 7'), ('processing failed failed duration 7'),
    ('processing cancelled cancelled duration 7') $$,
  'the end of a job ends its attempt: its duration is recorded');
select tests.arrange_job('never', 'failed');
select results_eq(
  'select pg_temp.logged()', $$ values ('none pending'), ('pending failed') $$,
  'an unclaimed job has no attempt and no duration');

select * from finish();
rollback;
