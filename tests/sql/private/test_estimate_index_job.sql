begin;
select plan(15);

select tests.arrange_cast();
select tests.set_clock('2030-01-01 12:00Z');
select tests.arrange_job('job');
select tests.arrange_job('running', 'processing');
create function pg_temp.took(p_seconds double precision[], p_repository_id uuid default tests.alice_repository())
returns void language sql as $$
  insert into private.index_durations
    (repository_id, commit_sha, bytes, bytes_unchanged, seconds, ended_at)
  select p_repository_id, 'x', 1, 0, s, private.clock() from unnest(p_seconds) as s
$$;
create function pg_temp.estimate(p_claims integer default 0, p_job text default 'job')
returns text language sql as $$
  select concat_ws(' ', e.eta_p50, e.eta_p90, e.eta_basis, e.eta_samples)
  from private.estimate_index_job(tests.job_row(p_job), private.clock(), p_claims) as e
$$;

select pg_temp.took('{10, 20}');
select is(pg_temp.estimate(), '', 'two runs of the repository are too few');
select pg_temp.took('{30}');
select is(pg_temp.estimate(), '20 36 repository 3',
  'three runs are enough: median and 90th percentile');
select is(pg_temp.estimate(2), '', 'the duration of the jobs ahead is unknown');

select tests.advance_clock('15 seconds');
select is(
  pg_temp.estimate(null, 'running'), '10 22 repository 3',
  'a running job is compared with runs longer than its age');
select tests.advance_clock('16 seconds');
select is(pg_temp.estimate(null, 'running'), '',
  'there is no estimate for a job that exceeds every known run');

insert into auth.users (id) select gen_random_uuid() from generate_series(1, 4);
insert into repositories (full_name, git_url, owner_user_id)
select 'a/fleet', 'https://example.com/fleet.git', u.id
from auth.users as u where u.email is null limit 3;
select pg_temp.took(array_fill(100::double precision, array[10]), r.id)
from repositories as r where r.full_name = 'a/fleet';
select is(
  concat_ws('|', pg_temp.estimate(2), (select e.eta_p50 from private.estimate_index_job(
    jsonb_populate_record(tests.job_row('job'), jsonb_build_object(
      'repository_id', tests.acme_repository())), private.clock(), 0) as e)),
  '', '33 runs of four tenants give no estimate for other repositories');
select pg_temp.took('{100}', tests.acme_repository());
select is(
  (select concat_ws(' ', e.eta_p50, e.eta_p90, e.eta_basis, e.eta_samples)
  from private.estimate_index_job(
    jsonb_populate_record(tests.job_row('job'), jsonb_build_object(
      'repository_id', tests.acme_repository())), private.clock(), 0) as e),
  '100 100 fleet 34', 'runs of five tenants are used when the repository has too few');
select is(pg_temp.estimate(2), '', 'without workers there is no estimate of the wait');
insert into private.runners (worker_id, slots, seen_at) values
  (gen_random_uuid(), 3, private.clock()), (gen_random_uuid(), null, private.clock()),
  (gen_random_uuid(), 5, private.clock() - interval '16 seconds');
select is(
  pg_temp.estimate(2), '66.5 82.5 repository 3',
  'jobs ahead take the overall mean, spread over the slots of live workers');

delete from private.runners where slots is distinct from 3;
update private.runners set slots = 1;
select is(
  pg_temp.estimate(2), '205.9 221.9 repository 3', 'a job of a lost worker occupies no slot');
update public.index_jobs as j set lease_expires_at = private.clock() + interval '1 minute'
where j.id = (tests.job_row('running')).id;
select is(
  pg_temp.estimate(2), '298.8 314.8 repository 3',
  'without a free slot, a running job must end first');
update private.runners set slots = 2;
select is(
  pg_temp.estimate(0), '20 36 repository 3', 'a second slot counts as free while one job runs');
update private.runners set slots = 1;
delete from private.index_durations where seconds = 100;
select is(
  pg_temp.estimate(0), '40 62.6 repository 3',
  'with too few runs, running jobs are assumed to take as long as those of the repository');
select is(pg_temp.estimate(1), '', 'there is no such assumption for jobs ahead');

insert into private.index_durations
  (repository_id, commit_sha, bytes, bytes_unchanged, seconds, ended_at)
select tests.alice_repository(), 'x', 2, 1, s, private.clock() from unnest('{2, 3, 4}'::int[]) as s;
delete from private.runners;
select is(
  pg_temp.estimate(0), '3 4.6 repository 3',
  'incremental runs predict the next incremental run');

select * from finish();
rollback;
