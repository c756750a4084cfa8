-- lifecycle, undone

-- By hand, above the stamped part: what would keep its functions from being dropped.

do $$
begin
  if to_regprocedure('cron.unschedule(text)') is not null then
    perform cron.unschedule(j.jobname)
    from cron.job as j
    where j.jobname = 'index_jobs: retry_or_fail_stuck_jobs';
  end if;
end;
$$;

-- begin stamped part (python -m db.stamp again rewrites it)
grant job_writer, job_gateway, job_tenant to current_user;
grant create on schema public, private to job_writer, job_gateway, job_tenant;

drop policy if exists index_jobs_select_authenticated on public.index_jobs;
drop policy if exists index_jobs_select_service_role on public.index_jobs;
drop policy if exists index_jobs_all_job_writer on public.index_jobs;

revoke all on function private.check_attempt(public.index_jobs, integer) from job_writer;
-- stamp: db/functions/private/check_attempt.sql
-- check_attempt(p_job, p_attempt) -> void
--
-- The fence: a worker that lost its job to another one names an old attempt and is refused, whatever
-- it wants. From the second attempt on every worker must name its own.
--
-- Raises:  PT409 stale_attempt, attempt_required.
-- Callers: the definers owned by job_writer, with the row locked.

create or replace function private.check_attempt(
  p_job public.index_jobs,
  p_attempt integer
)
returns void
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_attempt is not null and p_attempt <> p_job.attempt then
    raise exception 'attempt % is not the current one', p_attempt
      using errcode = 'PT409', detail = 'stale_attempt', column = 'attempt',
        hint = 'Another worker has the job now: drop the work.';
  end if;
  if p_attempt is null and p_job.attempt > 1 then
    raise exception 'the job was begun more than once, so the attempt must be named'
      using errcode = 'PT409', detail = 'attempt_required', column = 'attempt',
        hint = 'Pass p_attempt as it was when the job was claimed.';
  end if;
end;
$$;

comment on function private.check_attempt(public.index_jobs, integer) is
  'Refuses a worker that does not hold the current attempt.';

revoke all on function private.check_attempt(public.index_jobs, integer)
  from public, anon, authenticated, service_role;
grant execute on function private.check_attempt(public.index_jobs, integer) to job_writer;
-- end stamp

-- stamp: db/functions/private/record_job_event.sql
-- record_job_event() -> trigger
--
-- Appends to index_job_events what happened to the job: made, moved, begun again, asked to cancel.
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
      'error', new.error_message,
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
    or old.cancel_requested_at is distinct from new.cancel_requested_at)
  execute function private.record_job_event();
-- end stamp

revoke all on table public.index_jobs from job_writer;
-- stamp: db/policies/index_jobs.sql
-- public.index_jobs: owners and members read; only the functions of job_writer write.

alter table public.index_jobs enable row level security;
alter table public.index_jobs force row level security;

drop policy if exists index_jobs_select_authenticated on public.index_jobs;
create policy index_jobs_select_authenticated on public.index_jobs
  for select to authenticated
  using (owner_user_id = (select private.current_user_id())
    or exists (
      select from public.organization_members as m
      where m.organization_id = index_jobs.organization_id
        and m.user_id = (select private.current_user_id())));
comment on policy index_jobs_select_authenticated on public.index_jobs is
  'A user sees own jobs and those of the user''s organizations.';

drop policy if exists index_jobs_select_service_role on public.index_jobs;
create policy index_jobs_select_service_role on public.index_jobs
  for select to service_role
  using (true);
comment on policy index_jobs_select_service_role on public.index_jobs is
  'The service reads every row.';

drop policy if exists index_jobs_all_job_writer on public.index_jobs;
create policy index_jobs_all_job_writer on public.index_jobs
  for all to job_writer
  using (true)
  with check (true);
comment on policy index_jobs_all_job_writer on public.index_jobs is
  'The functions that move jobs see and change every row.';

revoke all on table public.index_jobs from public, anon, authenticated, service_role;
grant select on table public.index_jobs to authenticated, service_role;
grant select, insert, update on table public.index_jobs to job_writer;
-- end stamp

drop function public.api_create_index_job(text, jsonb, text, text, text, text, text, text, integer);
-- stamp: db/functions/api_create_index_job.sql
-- api_create_index_job(p_api_key, p_claims, p_repository, p_git_url, p_organization, p_ref,
--   p_commit_sha, p_idempotency_key) -> api_answer
--
-- POST /index in one statement: key, quota, claims, then ensure_repository and create_index_job under
-- RLS. p_organization is a slug or an id. A refusal is an answer, not an error, so that the count of
-- the request stays while nothing else does.
--
-- Why definer: it checks API keys and takes on claims that the HTTP layer has verified; it writes as
-- job_gateway, which RLS holds like any user.
-- Callers: job_http, service_role.

create or replace function public.api_create_index_job(
  p_api_key text,
  p_claims jsonb,
  p_repository text,
  p_git_url text,
  p_organization text,
  p_ref text,
  p_commit_sha text,
  p_idempotency_key text
)
returns private.api_answer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
  v_caller private.api_caller;
  v_answer private.api_answer;
  v_job public.index_jobs;
  v_organization_id uuid;
begin
  v_caller := private.identify_caller(p_api_key, p_claims);
  if v_caller.user_id is null or v_caller.requests >= v_caller.rate_limit then
    return private.answer(v_caller, null);
  end if;
  v_answer := private.answer(v_caller, private.count_request(v_caller));
  if v_answer.verdict <> 'ok' then
    return v_answer;
  end if;

  begin
    if p_repository is null then
      raise exception 'repository is missing'
        using errcode = 'PT422', detail = 'missing_repository', column = 'repository',
          hint = 'Pass {"repository": "owner/name"}.';
    end if;
    if p_organization is not null then
      select o.id into v_organization_id
      from public.organizations as o
      where o.slug = p_organization or o.id = private.parse_uuid(p_organization);
      if not found then
        raise exception 'organization is unknown'
          using errcode = 'PT422', detail = 'unknown_organization', column = 'organization',
            hint = 'Name an organization that you are a member of.';
      end if;
    end if;
    select j.* into v_job
    from public.ensure_repository(
      p_full_name => p_repository,
      p_git_url => p_git_url,
      p_organization_id => v_organization_id) as r
    cross join lateral public.create_index_job(
      p_repository_id => r.id,
      p_ref => p_ref,
      p_commit_sha => p_commit_sha,
      p_idempotency_key => p_idempotency_key) as j;
  exception when sqlstate 'PT404' or sqlstate 'PT409' or sqlstate 'PT422' then
    get stacked diagnostics
      v_answer.verdict = returned_sqlstate,
      v_answer.code = pg_exception_detail,
      v_answer.message = message_text,
      v_answer.hint = pg_exception_hint,
      v_answer.field = column_name;
    v_answer.field := case when v_answer.field in ('full_name', 'git_url') then 'repository'
      else v_answer.field end;
    return v_answer;
  end;

  v_answer.body := json_build_object(
    'jobId', v_job.id, 'runId', v_job.id, 'status', v_job.status)::text;
  v_answer.job_id := v_job.id;
  v_answer.job_status := v_job.status;
  v_answer.job_version := v_job.version;
  return v_answer;
end;
$$;

comment on function public.api_create_index_job(text, jsonb, text, text, text, text, text, text) is
  'Answers POST /index.';

alter function public.api_create_index_job(text, jsonb, text, text, text, text, text, text) owner to job_gateway;
revoke all on function public.api_create_index_job(text, jsonb, text, text, text, text, text, text)
  from public, anon, authenticated, service_role;
grant execute on function public.api_create_index_job(text, jsonb, text, text, text, text, text, text)
  to job_http, service_role;
-- end stamp

-- stamp: db/functions/claim_index_job.sql
-- claim_index_job(p_worker_id, p_lease) -> setof index_jobs
--
-- Gives the worker the oldest job that is free, as its next attempt, or no row: a pending one, or one
-- whose worker let the lease run out or whose retry_at has come. Jobs that an external queue runs
-- are left to it. A job that has used up its attempts is failed on the way.
--
-- Why definer: nobody but job_writer may update a job.
-- Locks:   one index_jobs row, for no key update; rows locked by others are passed over.
-- Raises:  PT422 missing_worker_id, invalid_lease.
-- Callers: service_role.

create or replace function public.claim_index_job(
  p_worker_id text,
  p_lease interval default interval '30 seconds'
)
returns setof public.index_jobs
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_job public.index_jobs;
  v_now timestamptz;
begin
  if coalesce(btrim(p_worker_id), '') = '' then
    raise exception 'worker_id is missing'
      using errcode = 'PT422', detail = 'missing_worker_id', column = 'worker_id',
        hint = 'Pass a text that no other worker uses, such as host:pid.';
  end if;
  if p_lease is null then
    raise exception 'lease is missing'
      using errcode = 'PT422', detail = 'invalid_lease', column = 'lease',
        hint = 'Pass an interval such as 30 seconds.';
  end if;
  perform private.check_lease(p_lease);

  loop
    v_now := private.clock();
    select j.* into v_job
    from public.index_jobs as j
    where j.status in ('pending', 'processing')
      and j.queue_job_id is null
      and (j.status = 'pending' or j.lease_expires_at <= v_now or j.retry_at <= v_now)
    order by j.created_at, j.id
    limit 1
    for no key update skip locked;
    exit when not found;

    v_now := greatest(private.clock(), v_job.updated_at);
    if v_job.attempt >= v_job.max_attempts then
      update public.index_jobs as j
      set status = 'failed',
        error_message = 'the worker was lost and all ' || v_job.max_attempts
          || ' attempts are used up',
        completed_at = v_now,
        lease_expires_at = null,
        retry_at = null,
        updated_at = v_now,
        version = j.version + 1
      where j.id = v_job.id;
    else
      return query
      update public.index_jobs as j
      set status = 'processing',
        attempt = j.attempt + 1,
        worker_id = p_worker_id,
        progress = null,
        started_at = coalesce(j.started_at, v_now),
        heartbeat_at = v_now,
        lease_expires_at = v_now + p_lease,
        retry_at = null,
        updated_at = v_now,
        version = j.version + 1
      where j.id = v_job.id
      returning j.*;
      exit;
    end if;
  end loop;
end;
$$;

comment on function public.claim_index_job(text, interval) is
  'Claims the oldest free index job for a worker.';

alter function public.claim_index_job(text, interval) owner to job_writer;
revoke all on function public.claim_index_job(text, interval)
  from public, anon, authenticated, service_role;
grant execute on function public.claim_index_job(text, interval) to service_role;
-- end stamp

-- stamp: db/functions/update_job_status.sql
-- update_job_status(p_job_id, p_status, p_metadata, p_attempt, p_worker_id) -> setof index_jobs
--
-- Moves a job forward and returns it: started_at is set on processing, completed_at on a final
-- status, error_message from metadata.error, stats from metadata.stats, commit_sha from
-- metadata.commit_sha where the caller left it open. A repeat of the move that was already made
-- (a lost answer) returns the row as it is and writes nothing.
--
-- Why definer: nobody but job_writer may update a job.
-- Locks:   the index_jobs row, for no key update.
-- Raises:  PT404 when the job does not exist; PT409 stale_attempt, attempt_required,
--          already_processing, conflicting_repeat, invalid_transition; PT422 unknown_status,
--          commit_mismatch and those of private.check_job_metadata.
-- Callers: service_role.

create or replace function public.update_job_status(
  p_job_id uuid,
  p_status text,
  p_metadata jsonb default '{}',
  p_attempt integer default null,
  p_worker_id text default null
)
returns setof public.index_jobs
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_status public.job_status;
  v_metadata jsonb := coalesce(p_metadata, '{}');
  v_error text;
  v_stats jsonb := v_metadata -> 'stats';
  v_commit_sha text := lower(v_metadata ->> 'commit_sha');
  v_job public.index_jobs;
  v_now timestamptz;
begin
  select e.status into v_status
  from unnest(enum_range(null::public.job_status)) as e (status)
  where e.status::text = p_status;
  if not found then
    raise exception 'status is unknown'
      using errcode = 'PT422', detail = 'unknown_status', column = 'status',
        hint = 'Pass processing, completed, failed or cancelled.';
  end if;
  perform private.check_job_metadata(v_status, v_metadata);
  v_error := private.clean_error(v_metadata ->> 'error');

  v_job := private.lock_index_job(p_job_id);
  v_now := greatest(private.clock(), v_job.updated_at);
  perform private.check_attempt(v_job, p_attempt);

  if v_status = v_job.status and v_status = 'processing' then
    if p_worker_id is distinct from v_job.worker_id then
      raise exception 'another worker has begun the job'
        using errcode = 'PT409', detail = 'already_processing', column = 'worker_id',
          hint = 'Drop the work.';
    end if;
    return next v_job;
    return;
  end if;

  if v_status = v_job.status and private.is_final(v_status) then
    if v_error is distinct from v_job.error_message
      or v_stats is distinct from v_job.stats
      or (v_commit_sha is not null and v_commit_sha is distinct from v_job.commit_sha)
    then
      raise exception 'the job already ended with another result'
        using errcode = 'PT409', detail = 'conflicting_repeat', column = 'metadata',
          hint = 'The first result stands; read it by get_job_status.';
    end if;
    return next v_job;
    return;
  end if;

  perform
  from private.job_transitions() as t
  where t.from_status = v_job.status and t.to_status = v_status;
  if not found then
    raise exception 'a job does not go from % to %', v_job.status, v_status
      using errcode = 'PT409', detail = 'invalid_transition', column = 'status',
        hint = 'Read the job by get_job_status; a final status stays.';
  end if;

  if v_commit_sha <> v_job.commit_sha then
    raise exception 'commit_sha is not the commit that the job asks for'
      using errcode = 'PT422', detail = 'commit_mismatch', column = 'metadata',
        hint = 'Index the commit in commit_sha, or fail the job.';
  end if;

  return query
  update public.index_jobs as j
  set status = v_status,
    attempt = case when v_status = 'processing' then 1 else j.attempt end,
    worker_id = coalesce(p_worker_id, j.worker_id),
    stats = v_stats,
    error_message = v_error,
    commit_sha = coalesce(j.commit_sha, v_commit_sha),
    started_at = case when v_status = 'processing' then v_now else j.started_at end,
    heartbeat_at = case when j.status = 'pending' and v_status <> 'processing'
      then j.heartbeat_at else v_now end,
    completed_at = case when private.is_final(v_status) then v_now end,
    lease_expires_at = null,
    retry_at = null,
    updated_at = v_now,
    version = j.version + 1
  where j.id = v_job.id
  returning j.*;
end;
$$;

comment on function public.update_job_status(uuid, text, jsonb, integer, text) is
  'Moves an index job forward; refuses every other move.';

alter function public.update_job_status(uuid, text, jsonb, integer, text) owner to job_writer;
revoke all on function public.update_job_status(uuid, text, jsonb, integer, text)
  from public, anon, authenticated, service_role;
grant execute on function public.update_job_status(uuid, text, jsonb, integer, text)
  to service_role;
-- end stamp

-- stamp deleted: db/functions/retry_or_fail_stuck_jobs.sql
drop function public.retry_or_fail_stuck_jobs(interval, integer);
-- end stamp

-- stamp deleted: db/functions/record_index_run.sql
drop function public.record_index_run(uuid, text, jsonb, text, text, text);
-- end stamp

-- stamp deleted: db/functions/purge_finished_jobs.sql
drop function public.purge_finished_jobs(interval, integer);
-- end stamp

-- stamp deleted: db/functions/list_index_jobs.sql
drop function public.list_index_jobs(uuid, uuid, text, timestamptz, text, integer);
-- end stamp

-- stamp deleted: db/functions/get_job_history.sql
drop function public.get_job_history(uuid);
-- end stamp

-- stamp deleted: db/functions/fail_job_attempt.sql
drop function public.fail_job_attempt(uuid, integer, text, boolean);
-- end stamp

-- stamp deleted: db/functions/cancel_index_job.sql
drop function public.cancel_index_job(uuid);
-- end stamp

-- stamp deleted: db/functions/api_list_index_jobs.sql
drop function public.api_list_index_jobs(text, jsonb, text, text, text, timestamptz, text, integer);
-- end stamp

-- stamp deleted: db/functions/api_get_job_history.sql
drop function public.api_get_job_history(text, jsonb, text);
-- end stamp

-- stamp deleted: db/functions/api_cancel_index_job.sql
drop function public.api_cancel_index_job(text, jsonb, text);
-- end stamp

-- stamp deleted: db/policies/job_totals.sql
revoke all on table private.job_totals from public, anon, authenticated, service_role, job_writer;
-- end stamp

-- stamp deleted: db/functions/private/rollout_bucket.sql
drop function private.rollout_bucket(uuid);
-- end stamp

-- stamp deleted: db/functions/private/retry_delay.sql
drop function private.retry_delay(integer);
-- end stamp

-- stamp deleted: db/functions/private/parse_status.sql
drop function private.parse_status(text);
-- end stamp

-- stamp deleted: db/functions/private/parse_cursor.sql
drop function private.parse_cursor(text);
-- end stamp

-- stamp deleted: db/functions/private/lock_free_job.sql
drop function private.lock_free_job();
-- end stamp

-- stamp deleted: db/functions/private/job_attempts.sql
drop function private.job_attempts(uuid);
-- end stamp

-- stamp deleted: db/functions/private/find_organization.sql
drop function private.find_organization(text);
-- end stamp

-- stamp deleted: db/functions/private/end_attempt.sql
drop function private.end_attempt(public.index_jobs, timestamptz, text, boolean);
-- end stamp

-- stamp deleted: db/functions/private/check_batch.sql
drop function private.check_batch(interval, integer);
-- end stamp

-- stamp deleted: db/functions/private/cancel_job.sql
drop function private.cancel_job(uuid);
-- end stamp

revoke create on schema public, private from job_writer, job_gateway, job_tenant;
revoke job_writer, job_gateway, job_tenant from current_user;
-- end stamped part

-- By hand, below it: drops of what the migration made.

alter type private.api_answer drop attribute next_cursor;
comment on type private.api_answer is
  'What an api_ function answers: ok or the SQLSTATE of a refusal with its code, message, hint and '
  'field; the body as JSON text; the quota (reset in Unix seconds), null for an unknown caller.';
drop table private.job_totals;
drop index public.index_jobs_completed_at_idx;
drop index public.index_jobs_organization_id_created_at_id_not_completed_idx;
drop index public.index_jobs_owner_user_id_created_at_id_not_completed_idx;
drop index public.index_jobs_processing_idx;
drop index public.index_jobs_pending_idx;
create index index_jobs_unfinished_idx
  on public.index_jobs (created_at, id) where status in ('pending', 'processing');
comment on column public.index_job_events.detail is
  'More, by kind: {"error": text}, {"cancel_requested": true}.';
alter table public.index_jobs drop column last_error;

notify pgrst, 'reload schema';
comment on schema private is 'schema version 20261124221442';
