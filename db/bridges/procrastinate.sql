-- The wake-ups of procrastinate: index-jobs bridge install procrastinate, or psql by the role that
-- migrates.
--
-- A task is added to procrastinate's queue index_jobs in the transaction that creates a job. It
-- only says that there may be work: its worker claims a job of the tenant whose turn it is. So
-- there is no second state that could differ.

do $$
begin
  if to_regclass('public.index_jobs') is null then
    raise exception 'the schema of index-jobs is missing'
      using hint = 'Migrate first: index-jobs migrate.';
  end if;
  if not pg_has_role(
    (select c.relowner from pg_class as c where c.oid = 'public.index_jobs'::regclass), 'usage')
  then
    raise exception 'the bridge must be installed by the role that migrates, not by %', current_user
      using hint = 'Use the DATABASE_URL of index-jobs migrate.';
  end if;
  if to_regclass('public.procrastinate_jobs') is null then
    raise exception 'procrastinate is not in this database: no table public.procrastinate_jobs'
      using hint = 'Apply its schema first: procrastinate schema --apply.';
  end if;
  if to_regtype('public.procrastinate_job_to_defer_v1') is null then
    raise exception 'this bridge needs procrastinate 3, but the schema is of another major version'
      using hint = 'Upgrade the older of the two.';
  end if;
end;
$$;

-- wake_procrastinate() -> trigger
--
-- Defers a wake-up for a new job, in the same transaction.
--
-- Why definer: it belongs to the role that installs the bridge, which may write procrastinate's
-- tables. procrastinate's functions find each other by the search_path.
-- Callers: none: the trigger on index_jobs.

create or replace function private.wake_procrastinate()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
  perform public.procrastinate_defer_jobs_v1(array[
    row('index_jobs', 'index_jobs.wake_up', 0, null, null, '{}', null)
  ]::public.procrastinate_job_to_defer_v1[]);
  return null;
end;
$$;

comment on function private.wake_procrastinate() is
  'Wakes up a worker of procrastinate for a new index job.';

revoke all on function private.wake_procrastinate()
  from public, anon, authenticated, service_role;

create or replace trigger index_jobs_wake_procrastinate
  after insert on public.index_jobs
  for each row
  when (new.status = 'pending' and new.queue_job_id is null)
  execute function private.wake_procrastinate();
