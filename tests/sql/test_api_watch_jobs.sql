begin;
select plan(5);

select tests.arrange_cast();
select tests.arrange_job('waits', 'pending', tests.alice_repository());
select tests.arrange_job('runs', 'processing', tests.acme_repository());
select tests.act_as_worker();
select report_job_progress(tests.id('runs'), 1, 'parsing', 1, 2);
select tests.act_as_http();

create function pg_temp.watch(p_waits bigint, p_runs bigint) returns text
language sql
as $$
  select (api_watch_jobs(
    array[tests.id('waits'), tests.id('runs')], array[p_waits, p_runs])).body
$$;

select is(
  (api_watch_jobs('{}', '{}')).verdict, 'ok', 'jobs of all tenants are returned');
select is(pg_temp.watch(1, 3), null, 'nothing has changed');
select is(
  pg_temp.watch(1, 2), json_build_array(json_build_array(tests.id('runs'), 3, 2))::text,
  'a change returns its version and the newest event number; progress is not an event');
select is(
  json_array_length(pg_temp.watch(0, 0)::json), 2, 'every changed job is returned');
select is(
  (api_watch_jobs('{00000000-0000-4000-8000-0000000000ff}', '{7}')).body,
  '[["00000000-0000-4000-8000-0000000000ff", null, null]]', 'every deleted job is returned');

select * from finish();
rollback;
