-- refuse_what_cannot_be_kept, undone

-- By hand, above the stamped part: what would keep its functions from being dropped.

drop trigger index_jobs_forget_idempotency_key on public.index_jobs;

-- begin stamped part (python -m db.stamp again rewrites it)
grant job_writer, job_gateway, job_tenant to current_user;
grant create on schema public, private to job_writer, job_gateway, job_tenant;

revoke all on function private.check_batch(interval, integer) from job_writer;
-- stamp: db/functions/private/check_batch.sql
-- check_batch(p_older_than, p_limit) -> void
--
-- Raises:  PT422 invalid_older_than unless the age is 0 or more; invalid_limit unless it is 1 to
--          10000.
-- Callers: the definers owned by job_writer that handle many jobs.

create or replace function private.check_batch(
  p_older_than interval,
  p_limit integer
)
returns void
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_older_than is null or p_older_than < interval '0' then
    raise exception 'older_than is missing or negative'
      using errcode = 'PT422', detail = 'invalid_older_than', column = 'older_than',
        hint = 'Pass an interval such as 30 days.';
  end if;
  if p_limit is null or p_limit not between 1 and 10000 then
    raise exception 'limit is not between 1 and 10000'
      using errcode = 'PT422', detail = 'invalid_limit', column = 'limit',
        hint = 'Call again until nothing is left.';
  end if;
end;
$$;

comment on function private.check_batch(interval, integer) is
  'Refuses an age or a size that no batch can have.';

revoke all on function private.check_batch(interval, integer)
  from public, anon, authenticated, service_role;
grant execute on function private.check_batch(interval, integer) to job_writer;
-- end stamp

revoke all on function private.clean_error(text) from job_writer;
-- stamp: db/functions/private/clean_error.sql
-- clean_error(p_error) -> text
--
-- The error as it may be shown: user and password in URLs replaced by ***, cut at 2,000 characters
-- (and saying so).

create or replace function private.clean_error(p_error text)
returns text
language sql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select case
    when length(e.text) > 2000 then left(e.text, 1980) || ' … (cut, ' || length(e.text) || ')'
    else e.text
  end
  from (
    select regexp_replace(btrim(p_error), '([A-Za-z][A-Za-z0-9+.-]*://)[^/[:space:]]*@', '\1***@', 'g')
  ) as e (text);
$$;

comment on function private.clean_error(text) is
  'The error text with credentials redacted, cut at 2,000 characters.';

revoke all on function private.clean_error(text)
  from public, anon, authenticated, service_role;
grant execute on function private.clean_error(text) to job_writer;
-- end stamp

-- stamp: db/functions/private/issue_api_key.sql
-- issue_api_key(p_name, p_expires_at) -> table (key_id, api_key, name, expires_at, created_at)
--
-- Makes a key for the signed-in user: 244 random bits, of which only the SHA-256 is kept.
--
-- Why definer: the table of keys is closed to users. Identity comes from the claims only.
-- Raises:  42501 without a signed-in user; PT422 invalid_name, invalid_expires_at.
-- Callers: create_api_key.

create or replace function private.issue_api_key(
  p_name text,
  p_expires_at timestamptz
)
returns table (
  key_id text, api_key text, name text, expires_at timestamptz, created_at timestamptz
)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id uuid := private.current_user_id();
  v_now timestamptz := private.clock();
  v_key_id text := left(replace(gen_random_uuid()::text, '-', ''), 12)
    || right(gen_random_uuid()::text, 4);
  v_secret text := replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '');
begin
  if v_user_id is null then
    raise exception 'not signed in'
      using errcode = '42501', hint = 'Call with the token of a user.';
  end if;
  if coalesce(btrim(p_name), '') = '' or length(p_name) > 100 then
    raise exception 'name is empty or longer than 100 characters'
      using errcode = 'PT422', detail = 'invalid_name', column = 'name',
        hint = 'Say what the key is for.';
  end if;
  if p_expires_at <= v_now then
    raise exception 'expires_at is not in the future'
      using errcode = 'PT422', detail = 'invalid_expires_at', column = 'expires_at',
        hint = 'Pass a later time, or nothing for a key that stays.';
  end if;
  insert into private.api_keys (id, user_id, name, secret_hash, created_at, expires_at)
  values (
    v_key_id, v_user_id, btrim(p_name), sha256(convert_to(v_secret, 'UTF8')), v_now, p_expires_at);
  return query
  select v_key_id, 'ij_' || v_key_id || '_' || v_secret, btrim(p_name), p_expires_at, v_now;
end;
$$;

comment on function private.issue_api_key(text, timestamptz) is
  'Makes an API key for the signed-in user.';

alter function private.issue_api_key(text, timestamptz) owner to job_gateway;
revoke all on function private.issue_api_key(text, timestamptz)
  from public, anon, authenticated, service_role;
grant execute on function private.issue_api_key(text, timestamptz) to authenticated;
-- end stamp

-- stamp: db/functions/private/record_job_event.sql
-- record_job_event() -> trigger
--
-- Appends to index_job_events what happened to the job: made, moved, an attempt ended (with
-- retry_at) or begun, asked to cancel. An error in the event is why the attempt before it ended.
-- The numbers have no gap, because the job's row is locked while they are given out.
--
-- Why definer: nobody but job_writer may insert an event.
-- Callers: the trigger on index_jobs.

create or replace function private.record_job_event()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into public.index_job_events
    (job_id, event_no, from_status, to_status, attempt, at, worker_id, detail)
  select
    new.id,
    coalesce(max(e.event_no), 0) + 1,
    case when tg_op = 'UPDATE' then old.status end,
    new.status,
    new.attempt,
    new.updated_at,
    new.worker_id,
    jsonb_strip_nulls(jsonb_build_object(
      'error', case
        when tg_op = 'INSERT' then null
        when new.status = 'failed' then new.error_message
        when new.last_error is distinct from old.last_error
          or new.retry_at is distinct from old.retry_at and new.retry_at is not null
          or new.attempt > old.attempt and old.lease_expires_at > old.heartbeat_at
          then new.last_error
      end,
      'retry_at', case
        when tg_op = 'UPDATE' and new.retry_at is distinct from old.retry_at then new.retry_at
      end,
      'cancel_requested', case
        when tg_op = 'UPDATE' and old.cancel_requested_at is null
          and new.cancel_requested_at is not null then true
      end))
  from public.index_job_events as e
  where e.job_id = new.id;
  return null;
end;
$$;

comment on function private.record_job_event() is
  'Writes the event of a change to an index job.';

alter function private.record_job_event() owner to job_writer;
revoke all on function private.record_job_event()
  from public, anon, authenticated, service_role;

create or replace trigger index_jobs_record_creation
  after insert on public.index_jobs
  for each row execute function private.record_job_event();
create or replace trigger index_jobs_record_change
  after update on public.index_jobs
  for each row
  when (old.status <> new.status
    or old.attempt <> new.attempt
    or old.cancel_requested_at is distinct from new.cancel_requested_at
    or old.retry_at is distinct from new.retry_at)
  execute function private.record_job_event();
-- end stamp

-- stamp: db/functions/fail_job_attempt.sql
-- fail_job_attempt(p_job_id, p_attempt, p_error, p_retryable) -> setof index_jobs
--
-- The worker's report that its attempt failed. Retryable, and attempts left: the job stays
-- processing, without a worker, and may be claimed from retry_at on; last_error says why. Else it
-- is failed for good; cancelled instead of tried again when a user has asked for that. A repeat of
-- the same report (a lost answer) returns the row as it is and writes nothing.
--
-- Why definer: nobody but job_writer may update a job.
-- Locks:   the index_jobs row, for no key update.
-- Raises:  PT404 when the job does not exist; PT409 stale_attempt, attempt_required,
--          conflicting_repeat, not_processing; PT422 error_required, invalid_retryable.
-- Callers: service_role.

create or replace function public.fail_job_attempt(
  p_job_id uuid,
  p_attempt integer,
  p_error text,
  p_retryable boolean default true
)
returns setof public.index_jobs
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_error text := private.clean_error(p_error);
  v_job public.index_jobs;
  v_now timestamptz;
begin
  if coalesce(btrim(p_error, E' \t\r\n'), '') = '' then
    raise exception 'error is missing'
      using errcode = 'PT422', detail = 'error_required', column = 'error',
        hint = 'Pass a sentence for the user.';
  end if;
  if p_retryable is null then
    raise exception 'retryable is null'
      using errcode = 'PT422', detail = 'invalid_retryable', column = 'retryable',
        hint = 'Pass true when another attempt may succeed, else false.';
  end if;

  v_job := private.lock_index_job(p_job_id);
  v_now := greatest(private.clock(), v_job.updated_at);
  if coalesce(p_attempt, 1) = v_job.attempt and v_error = v_job.last_error and (
    case v_job.status
      when 'processing' then v_job.retry_at is not null and p_retryable
      when 'cancelled' then p_retryable
      when 'failed' then v_error = v_job.error_message
    end)
  then
    return next v_job;
    return;
  end if;
  perform private.check_attempt(v_job, p_attempt);
  if v_job.status = 'failed' then
    raise exception 'the job already failed with another error'
      using errcode = 'PT409', detail = 'conflicting_repeat', column = 'error',
        hint = 'The first result stands; read it by get_job_status.';
  end if;
  if v_job.status <> 'processing' then
    raise exception 'the job is %', v_job.status
      using errcode = 'PT409', detail = 'not_processing', column = 'job_id',
        hint = 'Drop the work.';
  end if;

  return query
  select j.* from private.end_attempt(v_job, v_now, v_error, p_retryable) as j;
end;
$$;

comment on function public.fail_job_attempt(uuid, integer, text, boolean) is
  'Ends a failed attempt of an index job, which is tried again later or failed.';

alter function public.fail_job_attempt(uuid, integer, text, boolean) owner to job_writer;
revoke all on function public.fail_job_attempt(uuid, integer, text, boolean)
  from public, anon, authenticated, service_role;
grant execute on function public.fail_job_attempt(uuid, integer, text, boolean) to service_role;
-- end stamp

-- stamp: db/functions/report_job_progress.sql
-- report_job_progress(p_job_id, p_attempt, p_phase, p_done, p_total, p_lease)
--   -> table (cancel_requested, lease_expires_at)
--
-- A sign of life of the worker, with or without progress (p_done of p_total things of p_phase; total
-- null while unknown). With p_lease the lease runs from now; p_lease => '0' hands the job back, and
-- the next claim takes it at once. The answer says whether the user has asked to cancel.
--
-- Why definer: nobody but job_writer may update a job.
-- Locks:   the index_jobs row, for no key update.
-- Raises:  PT404 when the job does not exist; PT409 stale_attempt, attempt_required, not_processing;
--          PT422 invalid_progress, invalid_lease.
-- Callers: service_role.

create or replace function public.report_job_progress(
  p_job_id uuid,
  p_attempt integer,
  p_phase text default null,
  p_done bigint default null,
  p_total bigint default null,
  p_lease interval default null
)
returns table (cancel_requested boolean, lease_expires_at timestamptz)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_progress jsonb;
  v_job public.index_jobs;
  v_now timestamptz;
begin
  if num_nonnulls(p_phase, p_done, p_total) > 0 and (
    coalesce(btrim(p_phase), '') = '' or length(p_phase) > 100
    or p_done is null or p_done < 0 or p_total < p_done)
  then
    raise exception 'progress is not a phase with done, at most total'
      using errcode = 'PT422', detail = 'invalid_progress', column = 'phase',
        hint = 'Pass p_phase and 0 <= p_done <= p_total, or none of them for a heartbeat.';
  end if;
  perform private.check_lease(p_lease);
  if p_phase is not null then
    v_progress := jsonb_build_object('phase', p_phase, 'done', p_done, 'total', p_total);
  end if;

  v_job := private.lock_index_job(p_job_id);
  v_now := greatest(private.clock(), v_job.updated_at);
  perform private.check_attempt(v_job, p_attempt);
  if v_job.status <> 'processing' then
    raise exception 'the job is %', v_job.status
      using errcode = 'PT409', detail = 'not_processing', column = 'job_id',
        hint = 'Drop the work.';
  end if;

  return query
  update public.index_jobs as j
  set heartbeat_at = v_now,
    lease_expires_at = coalesce(v_now + p_lease, j.lease_expires_at),
    progress = coalesce(v_progress, j.progress),
    updated_at = case when v_progress <> j.progress or (j.progress is null and v_progress is not null)
      then v_now else j.updated_at end,
    version = case when v_progress <> j.progress or (j.progress is null and v_progress is not null)
      then j.version + 1 else j.version end
  where j.id = v_job.id
  returning j.cancel_requested_at is not null, j.lease_expires_at;
end;
$$;

comment on function public.report_job_progress(uuid, integer, text, bigint, bigint, interval) is
  'Records a heartbeat and the progress of an index job.';

alter function public.report_job_progress(uuid, integer, text, bigint, bigint, interval) owner to job_writer;
revoke all on function public.report_job_progress(uuid, integer, text, bigint, bigint, interval)
  from public, anon, authenticated, service_role;
grant execute on function public.report_job_progress(uuid, integer, text, bigint, bigint, interval)
  to service_role;
-- end stamp

-- stamp deleted: db/functions/private/forget_idempotency_key.sql
drop function private.forget_idempotency_key();
-- end stamp

revoke create on schema public, private from job_writer, job_gateway, job_tenant;
revoke job_writer, job_gateway, job_tenant from current_user;
-- end stamped part

-- By hand, below it: drops of what the migration made.

notify pgrst, 'reload schema';
comment on schema private is 'schema version 20261124221909';
