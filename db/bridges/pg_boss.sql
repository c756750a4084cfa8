-- The bridge to pg-boss: index-jobs bridge install pg-boss, or psql by the role that migrates.
--
-- A job is added to pg-boss's queue index_jobs in the transaction that creates it, with the same
-- id. Each change of the queue's row is applied to the job in the same transaction. A job that ends
-- here (cancelled by its user, failed by its worker, deleted) also ends in the queue. To prevent
-- deadlocks that transaction does not wait: if another one has locked the row, the trigger of the
-- other one ends it.
--
-- The functions belong to the role that installs the bridge, which may write to pg-boss's tables.
-- It changes index_jobs only through two functions of job_writer.

do $$
declare
  v_version integer;
begin
  if to_regclass('public.index_jobs') is null
    or to_regprocedure('private.list_queue_jobs(uuid[])') is null
  then
    raise exception 'the schema of index-jobs is missing or older than this bridge'
      using hint = 'Migrate first: index-jobs migrate.';
  end if;
  if not pg_has_role(
    (select c.relowner from pg_class as c where c.oid = 'public.index_jobs'::regclass), 'usage')
  then
    raise exception 'the bridge must be installed by the role that migrates, not by %', current_user
      using hint = 'Use the DATABASE_URL of index-jobs migrate.';
  end if;
  if to_regclass('pgboss.version') is null or to_regclass('pgboss.job') is null then
    raise exception 'pg-boss is not in this database: no schema pgboss with its tables'
      using hint = 'Start pg-boss 12 on it once (boss.start()), then install the bridge.';
  end if;
  execute 'select max(v.version) from pgboss.version as v' into v_version;
  if v_version not in (43, 46) then
    raise exception
        'pg-boss has schema % here; this bridge is for 43 and 46, of 12.35 and 12.38',
        v_version
      using hint = 'Upgrade the older of the two.';
  end if;
end;
$$;

grant job_writer to current_user;
grant execute on function
  private.mirror_queue_state(uuid, text, integer, text, jsonb, timestamptz) to current_user;
grant execute on function private.list_queue_jobs(uuid[]) to current_user;
grant execute on function public.link_queue_job(uuid, uuid) to current_user;
revoke job_writer from current_user;

-- Three runs, after 5 s, then 10 s and so on; a worker without a heartbeat for a minute is lost.
select pgboss.create_queue('index_jobs', jsonb_build_object(
  'policy', 'standard',
  'retryLimit', 2,
  'retryDelay', 5,
  'retryBackoff', true,
  'retryDelayMax', 600,
  'expireInSeconds', 3600,
  'heartbeatSeconds', 60,
  'retentionSeconds', 14 * 86400,
  'deleteAfterSeconds', 7 * 86400));

-- enqueue_pg_boss_job(p_job_id, p_payload, p_tenant_id, p_run) -> void
--
-- Adds a job to the queue; p_run is the next run, 0 for the first one. The tenant is the group, for
-- groupConcurrency. An existing row stays.
--
-- Callers: none: the other functions of the bridge.

create or replace function private.enqueue_pg_boss_job(
  p_job_id uuid,
  p_payload jsonb,
  p_tenant_id uuid,
  p_run integer
)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into pgboss.job (
    id, name, data, group_id, state, retry_count, started_on, retry_limit, retry_delay,
    retry_backoff, retry_delay_max, expire_seconds, deletion_seconds, heartbeat_seconds, policy,
    dead_letter, start_after, created_on, keep_until)
  select
    p_job_id, q.name, p_payload, p_tenant_id::text,
    case when p_run > 0 then 'retry' else 'created' end::pgboss.job_state,
    greatest(p_run - 1, 0), case when p_run > 0 then now() end, q.retry_limit + p_run,
    q.retry_delay, q.retry_backoff, q.retry_delay_max, q.expire_seconds, q.deletion_seconds,
    q.heartbeat_seconds, q.policy, q.dead_letter, now(), now(),
    now() + interval '100 years'  -- pg-boss deletes rows that wait longer
  from pgboss.queue as q
  where q.name = 'index_jobs'
  on conflict do nothing;
  if not found and not exists (
    select from pgboss.job as b where b.name = 'index_jobs' and b.id = p_job_id)
  then
    raise exception 'pg-boss has no queue index_jobs'
      using hint = 'Install the bridge again: index-jobs bridge install pg-boss.';
  end if;
end;
$$;

comment on function private.enqueue_pg_boss_job(uuid, jsonb, uuid, integer) is
  'Adds an index job to the queue of pg-boss.';

revoke all on function private.enqueue_pg_boss_job(uuid, jsonb, uuid, integer)
  from public, anon, authenticated, service_role;

-- follow_pg_boss_job(p_job_id, p_state, p_run, p_output, p_start_after) -> void
--
-- Moves the index job to the state of its row in the queue. If the job has ended differently, the
-- row is moved to the job's final state. p_run is null while the row has not run.
--
-- Locks:   the index_jobs row, for no key update; the row of the queue is the caller's.
-- Callers: none: the other functions of the bridge.

create or replace function private.follow_pg_boss_job(
  p_job_id uuid,
  p_state text,
  p_run integer,
  p_output jsonb,
  p_start_after timestamptz
)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_error text := coalesce(
    p_output ->> 'message', p_output #>> '{value,message}', p_output ->> 'value');
  v_status text;
begin
  v_status := private.mirror_queue_state(
    p_job_id => p_job_id,
    p_state => p_state,
    p_queue_attempt => p_run,
    -- pg-boss's message about a lost worker is not meant for users
    p_error => case when v_error not in ('job timed out', 'job heartbeat timeout') then v_error end,
    p_stats => coalesce(
      p_output -> 'stats', case when p_output ? 'files_indexed' then p_output end),
    p_retry_at => p_start_after);
  if v_status in ('completed', 'failed', 'cancelled') then
    update pgboss.job as b
    set state = v_status::pgboss.job_state, completed_on = now()
    where b.name = 'index_jobs' and b.id = p_job_id and b.state::text <> v_status;
  end if;
end;
$$;

comment on function private.follow_pg_boss_job(uuid, text, integer, jsonb, timestamptz) is
  'Moves an index job to the state of its row in pg-boss.';

revoke all on function private.follow_pg_boss_job(uuid, text, integer, jsonb, timestamptz)
  from public, anon, authenticated, service_role;

-- create_pg_boss_job() -> trigger
--
-- Adds a new job to the queue, in the same transaction.
--
-- Why definer: it belongs to the role that installs the bridge, which may write pg-boss's tables.
-- Callers: none: the trigger on index_jobs.

create or replace function private.create_pg_boss_job()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  new.queue_job_id := new.id;
  perform private.enqueue_pg_boss_job(
    new.id,
    jsonb_build_object(
      'indexJobId', new.id, 'repositoryId', new.repository_id, 'commitSha', new.commit_sha),
    coalesce(new.organization_id, new.owner_user_id),
    0);
  return new;
end;
$$;

comment on function private.create_pg_boss_job() is
  'Adds a new index job to the queue of pg-boss.';

revoke all on function private.create_pg_boss_job()
  from public, anon, authenticated, service_role;

-- end_pg_boss_job() -> trigger
--
-- Ends the queue's row of a job that was cancelled, failed or deleted here, unless another
-- transaction has locked the row and will end it.
--
-- Why definer: it belongs to the role that installs the bridge, which may write pg-boss's tables.
-- Locks:   the row of the queue, if nobody else has it.
-- Callers: none: the triggers on index_jobs.

create or replace function private.end_pg_boss_job()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update pgboss.job as b
  set state = case tg_op when 'DELETE' then 'cancelled' else new.status::text end::pgboss.job_state,
    completed_on = now(),
    output = case
      when new.error_message is null then b.output
      else jsonb_build_object('message', new.error_message)
    end
  where b.name = 'index_jobs' and b.id = (
    select l.id
    from pgboss.job as l
    where l.name = 'index_jobs' and l.id = old.queue_job_id and l.state < 'completed'
    for update skip locked);
  return null;
end;
$$;

comment on function private.end_pg_boss_job() is
  'Ends the row in pg-boss of an index job that has ended here.';

revoke all on function private.end_pg_boss_job() from public, anon, authenticated, service_role;

-- mirror_pg_boss_job() -> trigger
--
-- Applies a changed state of the queue's row to the job. pg-boss fails a job by DELETE and INSERT,
-- so a DELETE does not end the job.
--
-- Why definer: it belongs to the role that installs the bridge, which may call functions of
-- job_writer.
-- Callers: none: the trigger on pgboss.job.

create or replace function private.mirror_pg_boss_job()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'UPDATE' or new.state <> 'created' then
    perform private.follow_pg_boss_job(
      new.id, new.state::text, case when new.started_on is not null then new.retry_count end,
      new.output, new.start_after);
  end if;
  return null;
end;
$$;

comment on function private.mirror_pg_boss_job() is
  'Moves an index job to the state of its row in pg-boss.';

revoke all on function private.mirror_pg_boss_job() from public, anon, authenticated, service_role;

-- mend_pg_boss_job(p_kind, p_job_id, p_is_linked, p_queue_attempt, p_payload, p_tenant_id)
--   -> boolean
--
-- Repairs one difference that reconcile_queue_jobs has found. Returns false if the difference no
-- longer exists, or if another transaction has locked the row.
--
-- Locks:   the row of the queue, then the index_jobs row.
-- Callers: none: reconcile_queue_jobs.

create or replace function private.mend_pg_boss_job(
  p_kind text,
  p_job_id uuid,
  p_is_linked boolean,
  p_queue_attempt integer,
  p_payload jsonb,
  p_tenant_id uuid
)
returns boolean
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_row pgboss.job;
begin
  if p_kind in ('not_queued', 'row_missing') then
    if not p_is_linked then
      perform from public.link_queue_job(p_job_id => p_job_id, p_queue_job_id => p_job_id);
    end if;
    perform private.enqueue_pg_boss_job(
      p_job_id, p_payload, p_tenant_id, coalesce(p_queue_attempt + 1, 0));
    return true;
  end if;

  select b.* into v_row
  from pgboss.job as b
  where b.name = 'index_jobs' and b.id = p_job_id
  for update skip locked;
  if not found then
    return false;
  end if;
  if p_kind = 'job_missing' then
    update pgboss.job as b
    set state = 'cancelled', completed_on = now()
    where b.name = 'index_jobs' and b.id = p_job_id;
    return true;
  end if;
  if not p_is_linked then
    perform from public.link_queue_job(p_job_id => p_job_id, p_queue_job_id => p_job_id);
  end if;
  if p_kind = 'went_back' and v_row.state in ('created', 'retry') then
    -- as an ended run, so that the next one counts one higher
    update pgboss.job as b
    set state = 'retry',
      retry_count = greatest(b.retry_count, p_queue_attempt),
      retry_limit = greatest(b.retry_limit, p_queue_attempt + 1),
      started_on = coalesce(b.started_on, now())
    where b.name = 'index_jobs' and b.id = p_job_id
    returning b.* into v_row;
  end if;
  perform private.follow_pg_boss_job(
    v_row.id, v_row.state::text, case when v_row.started_on is not null then v_row.retry_count end,
    v_row.output, v_row.start_after);
  return true;
exception when sqlstate 'PT404' or sqlstate 'PT409' then
  return false; -- the job has started or was deleted meanwhile
end;
$$;

comment on function private.mend_pg_boss_job(text, uuid, boolean, integer, jsonb, uuid) is
  'Repairs one difference between an index job and its row in pg-boss.';

revoke all on function private.mend_pg_boss_job(text, uuid, boolean, integer, jsonb, uuid)
  from public, anon, authenticated, service_role;

-- reconcile_queue_jobs() -> table (kind, job_id, was, became)
--
-- Compares every row of the queue with its index job, repairs the differences and returns one row
-- for each. While the triggers are installed there are none. After a time without them, a restored
-- backup or a change by hand, run it until it returns nothing. kind is
--   not_queued   a job that has not started is not in the queue: added, and linked;
--   row_missing  the row of a job that runs or waits is missing: added again, as its next run;
--   job_missing  a row waits or runs for a job that does not exist or is not linked: cancelled;
--   behind       the job lags behind its row: moved to the row's state;
--   went_back    the row has left the final state of its job, or has returned to before the run
--                that its job is in: moved to that final state, or to the end of that run.
-- A row that another transaction has locked is skipped: that transaction updates the job.
--
-- Why definer: it belongs to the role that installs the bridge, which may write pg-boss's tables.
-- Locks:   the rows of the queue that differ, then their index_jobs rows.
-- Callers: job_worker, service_role.

create or replace function public.reconcile_queue_jobs()
returns table (kind text, job_id uuid, was text, became text)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_found record;
begin
  for v_found in
    select
      k.kind, coalesce(b.id, j.job_id) as job_id, j.status, b.state, j.is_linked, j.queue_attempt,
      j.payload, j.tenant_id
    from private.list_queue_jobs(array(
      select r.id from pgboss.job as r where r.name = 'index_jobs')) as j
    full join (select r.* from pgboss.job as r where r.name = 'index_jobs') as b
      on b.id = j.job_id
    cross join lateral (
      select case
        when b.id is null and not j.is_linked then 'not_queued'
        when b.id is null then 'row_missing'
        when j.job_id is null or not j.is_linked and j.status <> 'pending' then
          case when b.state < 'completed' then 'job_missing' end
        when j.status in ('completed', 'failed', 'cancelled') then
          case when b.state::text <> j.status::text then 'went_back' end
        when b.state < 'active' and b.retry_count < j.queue_attempt then 'went_back'
        when b.state = 'created' then
          case when j.is_held then 'went_back' when not j.is_linked then 'behind' end
        when b.state = 'retry' then
          case when not j.is_waiting or b.retry_count > j.queue_attempt then 'behind' end
        when b.state = 'active' then
          case when j.is_waiting or b.retry_count is distinct from j.queue_attempt
            then 'behind' end
        else 'behind'
      end
    ) as k (kind)
    where k.kind is not null
    order by 2
  loop
    kind := v_found.kind;
    job_id := v_found.job_id;
    was := format('job %s, row %s', coalesce(v_found.status::text, 'gone'),
      coalesce(v_found.state::text, 'gone'));
    continue when not private.mend_pg_boss_job(
      kind, job_id, v_found.is_linked, v_found.queue_attempt, v_found.payload, v_found.tenant_id);
    select format('job %s, row %s', coalesce(j.status::text, 'gone'), b.state) into became
    from pgboss.job as b
    left join private.list_queue_jobs(array[v_found.job_id]) as j on j.job_id = b.id
    where b.name = 'index_jobs' and b.id = v_found.job_id;
    return next;
  end loop;
end;
$$;

comment on function public.reconcile_queue_jobs() is
  'Compares the queue of pg-boss with the index jobs, and repairs and returns the differences.';

revoke all on function public.reconcile_queue_jobs()
  from public, anon, authenticated, service_role;
grant execute on function public.reconcile_queue_jobs() to job_worker, service_role;

create or replace trigger index_jobs_create_pg_boss_job
  before insert on public.index_jobs
  for each row
  when (new.status = 'pending' and new.queue_job_id is null)
  execute function private.create_pg_boss_job();
create or replace trigger index_jobs_end_pg_boss_job
  after update of status on public.index_jobs
  for each row
  when (old.status <> new.status and new.status in ('failed', 'cancelled')
    and new.queue_job_id is not null)
  execute function private.end_pg_boss_job();
create or replace trigger index_jobs_delete_pg_boss_job
  after delete on public.index_jobs
  for each row
  when (old.status in ('pending', 'processing') and old.queue_job_id is not null)
  execute function private.end_pg_boss_job();
create or replace trigger index_jobs_mirror_pg_boss_job
  after insert or update of state on pgboss.job
  for each row
  when (new.name = 'index_jobs')
  execute function private.mirror_pg_boss_job();

comment on trigger index_jobs_create_pg_boss_job on public.index_jobs is 'bridge to pg-boss';
notify pgrst, 'reload schema';
