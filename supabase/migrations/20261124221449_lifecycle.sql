-- lifecycle
-- depends: 20261124221442_serve_rest_calls

-- By hand, above the stamped part: what its functions and policies need.

alter table public.index_jobs add column last_error text;
comment on column public.index_jobs.last_error is
  'Why the last attempt that failed did so, while the job is not completed.';
comment on column public.index_job_events.detail is
  'More, by kind: {"error": text}, why the attempt before the event ended; {"retry_at": time}, it '
  'ended and the next one may begin then; {"cancel_requested": true}.';

drop index public.index_jobs_unfinished_idx;
create index index_jobs_pending_idx
  on public.index_jobs (
    (case when organization_id is null then owner_user_id else organization_id end),
    created_at, id)
  where status = 'pending' and queue_job_id is null;
create index index_jobs_processing_idx
  on public.index_jobs (id) where status = 'processing';
create index index_jobs_owner_user_id_created_at_id_not_completed_idx
  on public.index_jobs (owner_user_id, created_at, id)
  where status <> 'completed' and owner_user_id is not null;
create index index_jobs_organization_id_created_at_id_not_completed_idx
  on public.index_jobs (organization_id, created_at, id)
  where status <> 'completed' and organization_id is not null;
create index index_jobs_completed_at_idx
  on public.index_jobs (completed_at) where completed_at is not null;

create table private.job_totals (
  day date not null,
  status public.job_status not null,
  jobs bigint not null,
  started bigint not null,
  attempts bigint not null,
  seconds numeric not null,
  primary key (day, status)
);
comment on table private.job_totals is
  'What purged jobs add to the counters of metrics, so that those never go back.';
comment on column private.job_totals.day is 'The day on which the jobs ended, in UTC.';
comment on column private.job_totals.status is 'How they ended.';
comment on column private.job_totals.jobs is 'How many.';
comment on column private.job_totals.started is 'How many of them a worker had begun.';
comment on column private.job_totals.attempts is 'How often workers had begun them.';
comment on column private.job_totals.seconds is
  'The sum of completed_at - started_at over those that had begun.';

alter type private.api_answer add attribute next_cursor text;
comment on type private.api_answer is
  'What an api_ function answers: ok or the SQLSTATE of a refusal with its code, message, hint and '
  'field; the body as JSON text; the quota (reset in Unix seconds), null for an unknown caller; '
  'the place of the next page of a list.';

-- begin stamped part (python -m db.stamp again rewrites it)
grant job_writer, job_gateway, job_tenant to current_user;
grant create on schema public, private to job_writer, job_gateway, job_tenant;

drop policy if exists index_jobs_select_authenticated on public.index_jobs;
drop policy if exists index_jobs_select_service_role on public.index_jobs;
drop policy if exists index_jobs_all_job_writer on public.index_jobs;

-- stamp: db/functions/private/cancel_job.sql
-- cancel_job(p_job_id) -> setof index_jobs
--
-- Cancels a job in the name of the signed-in user: the owner, an owner or admin of the organization
-- that owns it, or the member of it who made the job.
--
-- Why definer: nobody but job_writer may update a job. Identity comes from the claims only.
-- Locks:   the index_jobs row, for no key update.
-- Raises:  PT404 when the job is missing or hidden; PT403 not_allowed; PT409 invalid_transition.
-- Callers: cancel_index_job.

create or replace function private.cancel_job(p_job_id uuid)
returns setof public.index_jobs
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id uuid := private.current_user_id();
  v_may boolean;
  v_job public.index_jobs;
  v_now timestamptz;
begin
  select j.owner_user_id is not null or m.role in ('owner', 'admin') or j.created_by = v_user_id
  into v_may
  from public.index_jobs as j
  left join public.organization_members as m
    on m.organization_id = j.organization_id and m.user_id = v_user_id
  where j.id = p_job_id and (j.owner_user_id = v_user_id or m.user_id is not null);
  if not found then
    raise exception 'index job not found' using errcode = 'PT404';
  end if;
  if v_may is not true then
    raise exception 'a member may cancel only own jobs'
      using errcode = 'PT403', detail = 'not_allowed', column = 'job_id',
        hint = 'Ask an owner or admin of the organization, or the member who made the job.';
  end if;

  v_job := private.lock_index_job(p_job_id);
  v_now := greatest(private.clock(), v_job.updated_at);
  if v_job.status = 'cancelled'
    or (v_job.status = 'processing' and v_job.cancel_requested_at is not null)
  then
    return next v_job;
    return;
  end if;
  perform
  from private.job_transitions() as t
  where t.from_status = v_job.status and t.to_status = 'cancelled';
  if not found then
    raise exception 'the job is already %', v_job.status
      using errcode = 'PT409', detail = 'invalid_transition', column = 'job_id',
        hint = 'A final status stays.';
  end if;

  return query
  update public.index_jobs as j
  set cancel_requested_at = v_now,
    status = case when j.status = 'pending' or j.retry_at is not null then 'cancelled'
      else j.status end,
    completed_at = case when j.status = 'pending' or j.retry_at is not null then v_now end,
    retry_at = null,
    updated_at = v_now,
    version = j.version + 1
  where j.id = v_job.id
  returning j.*;
end;
$$;

comment on function private.cancel_job(uuid) is
  'Cancels an index job for the signed-in user, or asks its worker to.';

alter function private.cancel_job(uuid) owner to job_writer;
revoke all on function private.cancel_job(uuid)
  from public, anon, authenticated, service_role;
grant execute on function private.cancel_job(uuid) to authenticated;
-- end stamp

revoke all on function private.check_attempt(public.index_jobs, integer) from job_writer;
-- stamp: db/functions/private/check_attempt.sql
-- check_attempt(p_job, p_attempt) -> void
--
-- The fence: a worker that lost its job to another one names an old attempt and is refused, whatever
-- it wants; so is one whose attempt was ended. From the second attempt on every worker must name
-- its own.
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
  if p_job.retry_at is not null then
    raise exception 'attempt % has ended, and the next one has not begun', p_job.attempt
      using errcode = 'PT409', detail = 'stale_attempt', column = 'attempt',
        hint = 'Drop the work; claim_index_job begins the next attempt.';
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

-- stamp: db/functions/private/end_attempt.sql
-- end_attempt(p_job, p_now, p_error, p_retryable) -> setof index_jobs
--
-- Ends the current attempt without a result: the job waits for the next one if it may have one
-- (retry_at is set, the lease is released), is cancelled if a user asked for that meanwhile, and
-- failed otherwise. p_error is why, null when the worker was lost without a word.
--
-- Callers: the definers owned by job_writer, with the row locked.

create or replace function private.end_attempt(
  p_job public.index_jobs,
  p_now timestamptz,
  p_error text,
  p_retryable boolean
)
returns setof public.index_jobs
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_status public.job_status := case
    when not p_retryable then 'failed'
    when p_job.cancel_requested_at is not null then 'cancelled'
    when p_job.attempt >= p_job.max_attempts then 'failed'
    else 'processing'
  end;
begin
  return query
  update public.index_jobs as j
  set status = v_status,
    last_error = coalesce(
      p_error, case when v_status = 'cancelled' then j.last_error else 'the worker was lost' end),
    error_message = case
      when v_status <> 'failed' then null
      when p_error is null and p_retryable
        then 'the worker was lost and all ' || j.max_attempts || ' attempts are used up'
      else coalesce(p_error, 'the worker was lost')
    end,
    completed_at = case when private.is_final(v_status) then p_now end,
    lease_expires_at = null,
    retry_at = case
      when v_status = 'processing' then p_now + private.retry_delay(p_attempt => j.attempt)
    end,
    updated_at = p_now,
    version = j.version + 1
  where j.id = p_job.id
  returning j.*;
end;
$$;

comment on function private.end_attempt(public.index_jobs, timestamptz, text, boolean) is
  'Ends an attempt: the job waits for the next one, or is failed or cancelled.';

revoke all on function private.end_attempt(public.index_jobs, timestamptz, text, boolean)
  from public, anon, authenticated, service_role;
grant execute on function private.end_attempt(public.index_jobs, timestamptz, text, boolean)
  to job_writer;
-- end stamp

-- stamp: db/functions/private/find_organization.sql
-- find_organization(p_organization) -> uuid
--
-- The id of the organization that a slug or an id names, if the caller may see it.
--
-- Raises:  PT422 unknown_organization.
-- Callers: the api_* functions, as job_gateway.

create or replace function private.find_organization(p_organization text)
returns uuid
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_organization_id uuid;
begin
  select o.id into v_organization_id
  from public.organizations as o
  where o.slug = p_organization or o.id = private.parse_uuid(p_organization);
  if not found then
    raise exception 'organization is unknown'
      using errcode = 'PT422', detail = 'unknown_organization', column = 'organization',
        hint = 'Name an organization that you are a member of.';
  end if;
  return v_organization_id;
end;
$$;

comment on function private.find_organization(text) is
  'The organization that the text names.';

revoke all on function private.find_organization(text)
  from public, anon, authenticated, service_role;
grant execute on function private.find_organization(text) to job_gateway;
-- end stamp

-- stamp: db/functions/private/job_attempts.sql
-- job_attempts(p_job_id) -> table (attempt, worker_id, started_at, ended_at, outcome, error)
--
-- The attempts of one job, made from its events. outcome is completed, failed, cancelled, retry (it
-- ended, and another one may follow), or lost (the next attempt began without a word of this one);
-- null while the attempt runs.
--
-- Callers: api_get_job_history, as job_gateway.

create or replace function private.job_attempts(p_job_id uuid)
returns table (
  attempt integer, worker_id text, started_at timestamptz, ended_at timestamptz, outcome text,
  error text
)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select
    s.attempt,
    s.worker_id,
    s.at,
    e.at,
    case
      when e.to_status <> 'processing' then e.to_status::text
      when e.attempt = s.attempt then 'retry'
      when e.attempt > s.attempt then 'lost'
    end,
    e.detail ->> 'error'
  from (
    select distinct on (b.attempt) b.attempt, b.event_no, b.worker_id, b.at
    from public.index_job_events as b
    where b.job_id = p_job_id and b.attempt > 0
    order by b.attempt, b.event_no
  ) as s
  left join lateral (
    select n.attempt, n.at, n.to_status, n.detail
    from public.index_job_events as n
    where n.job_id = p_job_id
      and n.event_no > s.event_no
      and (n.to_status <> 'processing' or n.attempt > s.attempt or n.detail ? 'retry_at')
    order by n.event_no
    limit 1
  ) as e on true
  order by s.attempt;
$$;

comment on function private.job_attempts(uuid) is
  'The attempts of one index job: start, end, worker, error.';

revoke all on function private.job_attempts(uuid)
  from public, anon, authenticated, service_role;
grant execute on function private.job_attempts(uuid) to job_gateway;
-- end stamp

-- stamp: db/functions/private/lock_free_job.sql
-- lock_free_job() -> setof index_jobs
--
-- Locks and returns the job that is next in turn, or no row: of the tenants with a free job, the one
-- with the fewest jobs under a lease, then with the oldest free job; of that one, the oldest.
--
-- The tenants with pending jobs are found by skipping from one to the next in the index, so that
-- what a claim costs grows with the number of waiting tenants and not with that of their jobs. The
-- tenant is spelled by a case, which row-level security lets an index compare, unlike coalesce.
--
-- Locks:   one index_jobs row, for no key update; rows locked by others are passed over.
-- Callers: claim_index_job.

create or replace function private.lock_free_job()
returns setof public.index_jobs
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := private.clock();
  v_tenant_id uuid;
  v_status public.job_status;
  v_job public.index_jobs;
begin
  for v_tenant_id, v_status in
    with recursive waiting (tenant_id) as (
      (select case when j.organization_id is null then j.owner_user_id else j.organization_id end
      from public.index_jobs as j
      where j.status = 'pending' and j.queue_job_id is null
      order by case when j.organization_id is null then j.owner_user_id else j.organization_id end
      limit 1)
      union all
      select (
        select case when j.organization_id is null then j.owner_user_id else j.organization_id end
        from public.index_jobs as j
        where j.status = 'pending' and j.queue_job_id is null
          and case when j.organization_id is null then j.owner_user_id else j.organization_id end
            > w.tenant_id
        order by case when j.organization_id is null then j.owner_user_id else j.organization_id end
        limit 1)
      from waiting as w
      where w.tenant_id is not null
    ),
    begun as materialized (
      select
        case when j.organization_id is null then j.owner_user_id else j.organization_id end
          as tenant_id,
        j.created_at,
        j.lease_expires_at > v_now as is_leased,
        j.lease_expires_at <= v_now or j.retry_at <= v_now as is_free
      from public.index_jobs as j
      where j.status = 'processing' and j.queue_job_id is null
        and num_nonnulls(j.lease_expires_at, j.retry_at) > 0
    ),
    free (tenant_id, status, created_at) as (
      select w.tenant_id, 'pending'::public.job_status, (
        select j.created_at
        from public.index_jobs as j
        where j.status = 'pending' and j.queue_job_id is null
          and case when j.organization_id is null then j.owner_user_id else j.organization_id end
            = w.tenant_id
        order by j.created_at, j.id
        limit 1)
      from waiting as w
      where w.tenant_id is not null
      union all
      select b.tenant_id, 'processing', min(b.created_at)
      from begun as b
      where b.is_free
      group by b.tenant_id
    ),
    busy as (
      select b.tenant_id, count(*) as jobs from begun as b where b.is_leased group by b.tenant_id
    )
    select f.tenant_id, f.status
    from free as f
    left join busy as b on b.tenant_id = f.tenant_id
    order by coalesce(b.jobs, 0), f.created_at, f.tenant_id
  loop
    if v_status = 'pending' then
      select j.* into v_job
      from public.index_jobs as j
      where j.status = 'pending'
        and j.queue_job_id is null
        and case when j.organization_id is null then j.owner_user_id else j.organization_id end
          = v_tenant_id
      order by j.created_at, j.id
      limit 1
      for no key update skip locked;
    else
      select j.* into v_job
      from public.index_jobs as j
      where j.status = 'processing'
        and j.queue_job_id is null
        and case when j.organization_id is null then j.owner_user_id else j.organization_id end
          = v_tenant_id
        and (j.lease_expires_at <= v_now or j.retry_at <= v_now)
      order by j.created_at, j.id
      limit 1
      for no key update skip locked;
    end if;
    if found then
      return next v_job;
      return;
    end if;
  end loop;
end;
$$;

comment on function private.lock_free_job() is
  'Locks the free index job that is next in turn.';

revoke all on function private.lock_free_job()
  from public, anon, authenticated, service_role;
grant execute on function private.lock_free_job() to job_writer;
-- end stamp

-- stamp: db/functions/private/parse_cursor.sql
-- parse_cursor(p_cursor) -> table (created_at, id)
--
-- The place in a list that a cursor names: created_at and id of the last row seen, as in its JSON,
-- with a comma between. Without a cursor the place above all rows.
--
-- Raises:  PT422 invalid_cursor.
-- Callers: list_index_jobs.

create or replace function private.parse_cursor(p_cursor text)
returns table (created_at timestamptz, id uuid)
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_cursor is null then
    return query
    select 'infinity'::timestamptz, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid;
    return;
  end if;
  if p_cursor ~ ('^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d([.]\d{1,6})?(Z|[+-]\d\d(:\d\d)?)'
    ',[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$')
  then
    begin
      return query
      select split_part(p_cursor, ',', 1)::timestamptz, split_part(p_cursor, ',', 2)::uuid;
      return;
    exception when data_exception then
      null;  -- a 30th of February, raised below
    end;
  end if;
  raise exception 'cursor is not one of ours'
    using errcode = 'PT422', detail = 'invalid_cursor', column = 'cursor',
      hint = 'Pass created_at,id of the last job of the page before, or nothing for the first page.';
end;
$$;

comment on function private.parse_cursor(text) is
  'The place in a list of jobs that a cursor names.';

revoke all on function private.parse_cursor(text)
  from public, anon, authenticated, service_role;
grant execute on function private.parse_cursor(text) to authenticated, service_role;
-- end stamp

-- stamp: db/functions/private/parse_status.sql
-- parse_status(p_status) -> job_status
--
-- Raises:  PT422 unknown_status.

create or replace function private.parse_status(p_status text)
returns public.job_status
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_status is null or p_status <> all (enum_range(null::public.job_status)::text[]) then
    raise exception 'status is unknown'
      using errcode = 'PT422', detail = 'unknown_status', column = 'status',
        hint = 'Pass pending, processing, completed, failed or cancelled.';
  end if;
  return p_status::public.job_status;
end;
$$;

comment on function private.parse_status(text) is
  'The status that the text names.';

revoke all on function private.parse_status(text)
  from public, anon, authenticated, service_role;
grant execute on function private.parse_status(text)
  to authenticated, service_role, job_writer;
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

-- stamp: db/functions/private/retry_delay.sql
-- retry_delay(p_attempt) -> interval
--
-- How long to wait after a failed attempt: 5 seconds after the first, twice as long after each
-- further one, at most 10 minutes; of that between half and all, by chance, so that jobs which
-- failed together do not come back together.

create or replace function private.retry_delay(p_attempt integer)
returns interval
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select least(interval '5 seconds' * power(2, least(p_attempt, 30) - 1), interval '10 minutes')
    * (0.5 + random() / 2);
$$;

comment on function private.retry_delay(integer) is
  'The wait before the next attempt: exponential, capped, with jitter.';

revoke all on function private.retry_delay(integer)
  from public, anon, authenticated, service_role;
grant execute on function private.retry_delay(integer) to job_writer;
-- end stamp

-- stamp: db/functions/private/rollout_bucket.sql
-- rollout_bucket(p_user_id) -> integer
--
-- A number from 0 to 99 that is always the same for a user and evenly spread over users: a rollout
-- to n percent is for those below n.
--
-- Callers: the api_* functions, as job_gateway.

create or replace function private.rollout_bucket(p_user_id uuid)
returns integer
language sql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select (get_byte(h.hash, 0) * 65536 + get_byte(h.hash, 1) * 256 + get_byte(h.hash, 2)) % 100
  from (select sha256(uuid_send(p_user_id))) as h (hash);
$$;

comment on function private.rollout_bucket(uuid) is
  'The place of a user in a rollout, 0 to 99.';

revoke all on function private.rollout_bucket(uuid)
  from public, anon, authenticated, service_role;
grant execute on function private.rollout_bucket(uuid) to job_gateway;
-- end stamp

revoke all on table public.index_jobs from job_writer;
-- stamp: db/policies/index_jobs.sql
-- public.index_jobs: owners and members read; only the functions of job_writer write.
--
-- The offset keeps the planner from reading all memberships of the user before the first row: a page
-- of a list costs the same for a member of one and of a thousand organizations.

alter table public.index_jobs enable row level security;
alter table public.index_jobs force row level security;

drop policy if exists index_jobs_select_authenticated on public.index_jobs;
create policy index_jobs_select_authenticated on public.index_jobs
  for select to authenticated
  using (owner_user_id = (select private.current_user_id())
    or exists (
      select from public.organization_members as m
      where m.organization_id = index_jobs.organization_id
        and m.user_id = (select private.current_user_id())
      offset 0));
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
grant select, insert, update, delete on table public.index_jobs to job_writer;
-- end stamp

-- stamp: db/policies/job_totals.sql
-- private.job_totals: purge_finished_jobs adds to it; the service reads.

revoke all on table private.job_totals from public, anon, authenticated, service_role;
grant select on table private.job_totals to service_role;
grant select, insert, update on table private.job_totals to job_writer;
-- end stamp

-- stamp: db/functions/api_cancel_index_job.sql
-- api_cancel_index_job(p_api_key, p_claims, p_job_id) -> api_answer
--
-- DELETE /jobs/{id} in one statement: key, quota, claims, and cancel_index_job. A refusal is an
-- answer, not an error, so that the count of the request stays while nothing else does.
--
-- Why definer: it checks API keys and takes on claims that the HTTP layer has verified; it acts as
-- job_gateway, which RLS holds like any user.
-- Callers: job_http, service_role.

create or replace function public.api_cancel_index_job(
  p_api_key text,
  p_claims jsonb,
  p_job_id text
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
    select row_to_json(j)::text, j.id, j.status, j.version
    into v_answer.body, v_answer.job_id, v_answer.job_status, v_answer.job_version
    from public.cancel_index_job(p_job_id => private.parse_uuid(p_job_id)) as j;
  exception when sqlstate 'PT403' or sqlstate 'PT404' or sqlstate 'PT409' then
    get stacked diagnostics
      v_answer.verdict = returned_sqlstate,
      v_answer.code = pg_exception_detail,
      v_answer.message = message_text,
      v_answer.hint = pg_exception_hint,
      v_answer.field = column_name;
  end;
  return v_answer;
end;
$$;

comment on function public.api_cancel_index_job(text, jsonb, text) is
  'Answers DELETE /jobs/{id}.';

alter function public.api_cancel_index_job(text, jsonb, text) owner to job_gateway;
revoke all on function public.api_cancel_index_job(text, jsonb, text)
  from public, anon, authenticated, service_role;
grant execute on function public.api_cancel_index_job(text, jsonb, text)
  to job_http, service_role;
-- end stamp

drop function public.api_create_index_job(text, jsonb, text, text, text, text, text, text);
-- stamp: db/functions/api_create_index_job.sql
-- api_create_index_job(p_api_key, p_claims, p_repository, p_git_url, p_organization, p_ref,
--   p_commit_sha, p_idempotency_key, p_tracking_percent) -> api_answer
--
-- POST /index in one statement: key, quota, claims, then ensure_repository and create_index_job under
-- RLS. p_organization is a slug or an id. A refusal is an answer, not an error, so that the count of
-- the request stays while nothing else does. For p_tracking_percent of all users, always the same
-- ones, the answer tells of the job; the others get {"runId"} as before there was a status.
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
  p_idempotency_key text,
  p_tracking_percent integer default 100
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
      v_organization_id := private.find_organization(p_organization);
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

  if private.rollout_bucket(v_caller.user_id) >= p_tracking_percent then
    v_answer.body := json_build_object('runId', v_job.id)::text;
    return v_answer;
  end if;
  v_answer.body := json_build_object(
    'jobId', v_job.id, 'runId', v_job.id, 'status', v_job.status)::text;
  v_answer.job_id := v_job.id;
  v_answer.job_status := v_job.status;
  v_answer.job_version := v_job.version;
  return v_answer;
end;
$$;

comment on function public.api_create_index_job(text, jsonb, text, text, text, text, text, text, integer) is
  'Answers POST /index.';

alter function
  public.api_create_index_job(text, jsonb, text, text, text, text, text, text, integer)
  owner to job_gateway;
revoke all on function public.api_create_index_job(text, jsonb, text, text, text, text, text, text, integer)
  from public, anon, authenticated, service_role;
grant execute on function public.api_create_index_job(text, jsonb, text, text, text, text, text, text, integer)
  to job_http, service_role;
-- end stamp

-- stamp: db/functions/api_get_job_history.sql
-- api_get_job_history(p_api_key, p_claims, p_job_id) -> api_answer
--
-- GET /jobs/{id}/events in one statement: key, quota, claims, and get_job_history under RLS, with the
-- attempts made from it. The count is written without waiting for the disk: nothing else is.
--
-- Why definer: it checks API keys and takes on claims that the HTTP layer has verified; it reads as
-- job_gateway, which RLS holds like any user.
-- Callers: job_http, service_role.

create or replace function public.api_get_job_history(
  p_api_key text,
  p_claims jsonb,
  p_job_id text
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
  v_job_id uuid := private.parse_uuid(p_job_id);
begin
  perform set_config('synchronous_commit', 'off', true);
  v_caller := private.identify_caller(p_api_key, p_claims);
  if v_caller.user_id is null or v_caller.requests >= v_caller.rate_limit then
    return private.answer(v_caller, null);
  end if;
  v_answer := private.answer(v_caller, private.count_request(v_caller));
  if v_answer.verdict <> 'ok' then
    return v_answer;
  end if;

  begin
    select json_build_object(
      'events', json_agg(row_to_json(e) order by e.event_no),
      'attempts', coalesce((
        select json_agg(row_to_json(a) order by a.attempt)
        from private.job_attempts(p_job_id => v_job_id) as a), '[]'))::text
    into v_answer.body
    from public.get_job_history(p_job_id => v_job_id) as e;
  exception when sqlstate 'PT404' then
    v_answer.verdict := 'PT404';
  end;
  return v_answer;
end;
$$;

comment on function public.api_get_job_history(text, jsonb, text) is
  'Answers GET /jobs/{id}/events.';

alter function public.api_get_job_history(text, jsonb, text) owner to job_gateway;
revoke all on function public.api_get_job_history(text, jsonb, text)
  from public, anon, authenticated, service_role;
grant execute on function public.api_get_job_history(text, jsonb, text)
  to job_http, service_role;
-- end stamp

-- stamp: db/functions/api_list_index_jobs.sql
-- api_list_index_jobs(p_api_key, p_claims, p_organization, p_repository, p_status, p_since, p_cursor,
--   p_limit) -> api_answer
--
-- GET /jobs in one statement: key, quota, claims, and list_index_jobs under RLS. p_organization is a
-- slug or an id, p_repository a full name or an id. next_cursor is null on the last page. The count
-- is written without waiting for the disk: nothing else is.
--
-- Why definer: it checks API keys and takes on claims that the HTTP layer has verified; it reads as
-- job_gateway, which RLS holds like any user.
-- Callers: job_http, service_role.

create or replace function public.api_list_index_jobs(
  p_api_key text,
  p_claims jsonb,
  p_organization text default null,
  p_repository text default null,
  p_status text default null,
  p_since timestamptz default null,
  p_cursor text default null,
  p_limit integer default 20
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
  v_organization_id uuid;
  v_repository_id uuid;
  v_jobs json;
begin
  perform set_config('synchronous_commit', 'off', true);
  v_caller := private.identify_caller(p_api_key, p_claims);
  if v_caller.user_id is null or v_caller.requests >= v_caller.rate_limit then
    return private.answer(v_caller, null);
  end if;
  v_answer := private.answer(v_caller, private.count_request(v_caller));
  if v_answer.verdict <> 'ok' then
    return v_answer;
  end if;

  begin
    if p_organization is not null then
      v_organization_id := private.find_organization(p_organization);
    end if;
    if p_repository is not null then
      select r.id into v_repository_id
      from public.repositories as r
      where (r.full_name = p_repository or r.id = private.parse_uuid(p_repository))
        and case when v_organization_id is null then r.owner_user_id = v_caller.user_id
          else r.organization_id = v_organization_id end;
      if not found then
        raise exception 'repository is unknown'
          using errcode = 'PT422', detail = 'unknown_repository', column = 'repository',
            hint = 'Name a repository of yours, or of the organization that you name.';
      end if;
    end if;
    select
      coalesce(json_agg(row_to_json(j) order by j.created_at desc, j.id desc), '[]'),
      case when count(*) = p_limit then
        (array_agg(to_json(j.created_at) #>> '{}' || ',' || j.id order by j.created_at, j.id))[1]
      end
    into v_jobs, v_answer.next_cursor
    from public.list_index_jobs(
      p_organization_id => v_organization_id,
      p_repository_id => v_repository_id,
      p_status => p_status,
      p_since => p_since,
      p_cursor => p_cursor,
      p_limit => p_limit) as j;
  exception when sqlstate 'PT422' then
    get stacked diagnostics
      v_answer.verdict = returned_sqlstate,
      v_answer.code = pg_exception_detail,
      v_answer.message = message_text,
      v_answer.hint = pg_exception_hint,
      v_answer.field = column_name;
    return v_answer;
  end;
  v_answer.body := json_build_object('jobs', v_jobs, 'next_cursor', v_answer.next_cursor)::text;
  return v_answer;
end;
$$;

comment on function public.api_list_index_jobs(text, jsonb, text, text, text, timestamptz, text, integer) is
  'Answers GET /jobs.';

alter function public.api_list_index_jobs(text, jsonb, text, text, text, timestamptz, text, integer) owner to job_gateway;
revoke all on function public.api_list_index_jobs(text, jsonb, text, text, text, timestamptz, text, integer)
  from public, anon, authenticated, service_role;
grant execute on function public.api_list_index_jobs(text, jsonb, text, text, text, timestamptz, text, integer)
  to job_http, service_role;
-- end stamp

-- stamp: db/functions/cancel_index_job.sql
-- cancel_index_job(p_job_id) -> setof index_jobs
--
-- Cancels a job that no worker has at once. A worker that has it learns of the request with its next
-- heartbeat; when it does not heed it, the job is cancelled one minute after the request. A repeat
-- returns the row as it is.
--
-- Raises:  PT404 when the job is missing or hidden; PT403 not_allowed for a member who neither made
--          the job nor is owner or admin; PT409 invalid_transition when it is completed or failed.
-- Callers: authenticated.

create or replace function public.cancel_index_job(p_job_id uuid)
returns setof public.index_jobs
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  return query select j.* from private.cancel_job(p_job_id => p_job_id) as j;
end;
$$;

comment on function public.cancel_index_job(uuid) is
  'Cancels an index job, or asks its worker to.';

revoke all on function public.cancel_index_job(uuid)
  from public, anon, authenticated, service_role;
grant execute on function public.cancel_index_job(uuid) to authenticated;
-- end stamp

-- stamp: db/functions/claim_index_job.sql
-- claim_index_job(p_worker_id, p_lease) -> setof index_jobs
--
-- Gives the worker a job that is free, as its next attempt, or no row: a pending one, or one whose
-- worker let the lease run out or whose retry_at has come. Tenants take turns: the one with the
-- fewest jobs under a lease comes first, then the oldest job. Jobs that an external queue runs are
-- left to it. A job that has used up its attempts is failed on the way, one whose user asked to
-- cancel is cancelled.
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
    select j.* into v_job from private.lock_free_job() as j;
    exit when not found;

    v_now := greatest(private.clock(), v_job.updated_at);
    if v_job.cancel_requested_at is not null or v_job.attempt >= v_job.max_attempts then
      perform from private.end_attempt(v_job, v_now, null, true);
    else
      return query
      update public.index_jobs as j
      set status = 'processing',
        attempt = j.attempt + 1,
        worker_id = p_worker_id,
        progress = null,
        last_error = case when j.lease_expires_at > j.heartbeat_at then 'the worker was lost'
          else j.last_error end,
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
  'Claims the oldest free index job for a worker, tenants in turn.';

alter function public.claim_index_job(text, interval) owner to job_writer;
revoke all on function public.claim_index_job(text, interval)
  from public, anon, authenticated, service_role;
grant execute on function public.claim_index_job(text, interval) to service_role;
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

-- stamp: db/functions/get_job_history.sql
-- get_job_history(p_job_id) -> setof index_job_events
--
-- The story of one job, oldest event first. Attempt n begins with the first event that has this
-- attempt, and ends with the next one that is final, has a retry_at, or has the attempt after it;
-- that event's error is why.
--
-- Raises:  PT404 when the job does not exist or RLS hides it.
-- Callers: authenticated, service_role.

create or replace function public.get_job_history(p_job_id uuid)
returns setof public.index_job_events
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  select e.* from public.index_job_events as e where e.job_id = p_job_id order by e.event_no;
  if not found then
    raise exception 'index job not found' using errcode = 'PT404';
  end if;
end;
$$;

comment on function public.get_job_history(uuid) is
  'Returns the events of one index job that the caller may see.';

revoke all on function public.get_job_history(uuid)
  from public, anon, authenticated, service_role;
grant execute on function public.get_job_history(uuid) to authenticated, service_role;
-- end stamp

-- stamp: db/functions/list_index_jobs.sql
-- list_index_jobs(p_organization_id, p_repository_id, p_status, p_since, p_cursor, p_limit)
--   -> setof index_jobs
--
-- One page of jobs, newest first, of one scope: an organization, or without one the caller's own.
-- p_since is the earliest created_at. The next page is the one after the cursor "created_at,id" of
-- the last row; jobs that arrive meanwhile stand above it and shift nothing. A scope that the caller
-- may not see is empty.
--
-- One query for each index. Under row-level security no index compares an enum, whose = is not
-- leakproof: a rare status is found by the indexes of what is not completed.
--
-- Raises:  PT422 unknown_status, invalid_cursor, invalid_limit (1 to 100).
-- Callers: authenticated, service_role.

create or replace function public.list_index_jobs(
  p_organization_id uuid default null,
  p_repository_id uuid default null,
  p_status text default null,
  p_since timestamptz default null,
  p_cursor text default null,
  p_limit integer default 20
)
returns setof public.index_jobs
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id uuid := private.current_user_id();
  v_since timestamptz := coalesce(p_since, '-infinity');
  v_status public.job_status;
  v_before timestamptz;
  v_before_id uuid;
begin
  if p_limit is null or p_limit not between 1 and 100 then
    raise exception 'limit is not between 1 and 100'
      using errcode = 'PT422', detail = 'invalid_limit', column = 'limit',
        hint = 'Ask for a smaller page and follow the cursor.';
  end if;
  if p_status is not null then
    v_status := private.parse_status(p_status);
  end if;
  select c.created_at, c.id into v_before, v_before_id from private.parse_cursor(p_cursor) as c;

  if p_repository_id is not null then
    return query
    select j.*
    from public.index_jobs as j
    where j.repository_id = p_repository_id
      and case when p_organization_id is null then j.owner_user_id = v_user_id
        else j.organization_id = p_organization_id end
      and (v_status is null or j.status = v_status)
      and j.created_at >= v_since
      and (j.created_at, j.id) < (v_before, v_before_id)
    order by j.created_at desc, j.id desc
    limit p_limit;
  elsif p_organization_id is not null and v_status <> 'completed' then
    return query
    select j.*
    from public.index_jobs as j
    where j.organization_id = p_organization_id
      and j.status <> 'completed'
      and j.status = v_status
      and j.created_at >= v_since
      and (j.created_at, j.id) < (v_before, v_before_id)
    order by j.created_at desc, j.id desc
    limit p_limit;
  elsif p_organization_id is not null then
    return query
    select j.*
    from public.index_jobs as j
    where j.organization_id = p_organization_id
      and (v_status is null or j.status = v_status)
      and j.created_at >= v_since
      and (j.created_at, j.id) < (v_before, v_before_id)
    order by j.created_at desc, j.id desc
    limit p_limit;
  elsif v_status <> 'completed' then
    return query
    select j.*
    from public.index_jobs as j
    where j.owner_user_id = v_user_id
      and j.status <> 'completed'
      and j.status = v_status
      and j.created_at >= v_since
      and (j.created_at, j.id) < (v_before, v_before_id)
    order by j.created_at desc, j.id desc
    limit p_limit;
  else
    return query
    select j.*
    from public.index_jobs as j
    where j.owner_user_id = v_user_id
      and (v_status is null or j.status = v_status)
      and j.created_at >= v_since
      and (j.created_at, j.id) < (v_before, v_before_id)
    order by j.created_at desc, j.id desc
    limit p_limit;
  end if;
end;
$$;

comment on function public.list_index_jobs(uuid, uuid, text, timestamptz, text, integer) is
  'Lists the index jobs of one scope, newest first, page by page.';

revoke all on function public.list_index_jobs(uuid, uuid, text, timestamptz, text, integer)
  from public, anon, authenticated, service_role;
grant execute on function public.list_index_jobs(uuid, uuid, text, timestamptz, text, integer)
  to authenticated, service_role;
-- end stamp

-- stamp: db/functions/purge_finished_jobs.sql
-- purge_finished_jobs(p_older_than, p_limit) -> table (purged)
--
-- Deletes jobs that ended p_older_than ago or longer, with their events, the longest ended first, at
-- most p_limit; call it again until it says 0. What they add to the counters of metrics goes into
-- private.job_totals first, so that those never go back. What the job indexed stays. An idempotency
-- key is forgotten with its job.
--
-- Why definer: nobody but job_writer may delete a job.
-- Locks:   index_jobs rows, for update; rows locked by others are passed over.
-- Raises:  PT422 invalid_older_than, invalid_limit.
-- Callers: service_role.

create or replace function public.purge_finished_jobs(
  p_older_than interval default interval '90 days',
  p_limit integer default 1000
)
returns table (purged integer)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_ids uuid[];
begin
  perform private.check_batch(p_older_than, p_limit);
  v_ids := array(
    select j.id
    from public.index_jobs as j
    where j.completed_at <= private.clock() - p_older_than
    order by j.completed_at
    limit p_limit
    for update skip locked);

  insert into private.job_totals as t (day, status, jobs, started, attempts, seconds)
  select
    (j.completed_at at time zone 'UTC')::date, j.status, count(*), count(j.started_at),
    sum(j.attempt), coalesce(sum(extract(epoch from j.completed_at - j.started_at)), 0)
  from public.index_jobs as j
  where j.id = any (v_ids)
  group by (j.completed_at at time zone 'UTC')::date, j.status
  order by (j.completed_at at time zone 'UTC')::date, j.status
  on conflict (day, status) do update
  set jobs = t.jobs + excluded.jobs,
    started = t.started + excluded.started,
    attempts = t.attempts + excluded.attempts,
    seconds = t.seconds + excluded.seconds;

  delete from public.index_jobs as j where j.id = any (v_ids);
  return query select cardinality(v_ids);
end;
$$;

comment on function public.purge_finished_jobs(interval, integer) is
  'Deletes a batch of index jobs that ended long ago; says how many.';

alter function public.purge_finished_jobs(interval, integer) owner to job_writer;
revoke all on function public.purge_finished_jobs(interval, integer)
  from public, anon, authenticated, service_role;
grant execute on function public.purge_finished_jobs(interval, integer) to service_role;
-- end stamp

-- stamp: db/functions/record_index_run.sql
-- record_index_run(p_repository_id, p_status, p_stats, p_error, p_ref, p_commit_sha)
--   -> setof index_jobs
--
-- Deprecated: for callers from before there was a status, who tell of a run when it is over. Makes a
-- job that has begun and ended by then, as the caller. New code calls create_index_job first.
--
-- Raises:  PT404 when the repository is missing; PT422 unknown_status unless the status is final,
--          and as create_index_job and update_job_status.
-- Callers: service_role.

create or replace function public.record_index_run(
  p_repository_id uuid,
  p_status text default 'completed',
  p_stats jsonb default null,
  p_error text default null,
  p_ref text default null,
  p_commit_sha text default null
)
returns setof public.index_jobs
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_job_id uuid;
begin
  if p_status is null or p_status not in ('completed', 'failed', 'cancelled') then
    raise exception 'a run that is recorded has ended'
      using errcode = 'PT422', detail = 'unknown_status', column = 'status',
        hint = 'Pass completed, failed or cancelled; begin a job by create_index_job.';
  end if;
  select j.id into v_job_id
  from public.create_index_job(
    p_repository_id => p_repository_id, p_ref => p_ref, p_commit_sha => p_commit_sha) as j;
  perform from public.update_job_status(p_job_id => v_job_id, p_status => 'processing');
  return query
  select j.*
  from public.update_job_status(
    p_job_id => v_job_id,
    p_status => p_status,
    p_metadata => case when p_error is null then '{}'
        else jsonb_build_object('error', p_error) end
      || case when p_stats is null then '{}' else jsonb_build_object('stats', p_stats) end,
    p_attempt => 1) as j;
end;
$$;

comment on function public.record_index_run(uuid, text, jsonb, text, text, text) is
  'Deprecated: records a run of the indexer that is over.';

revoke all on function public.record_index_run(uuid, text, jsonb, text, text, text)
  from public, anon, authenticated, service_role;
grant execute on function public.record_index_run(uuid, text, jsonb, text, text, text)
  to service_role;
-- end stamp

-- stamp: db/functions/retry_or_fail_stuck_jobs.sql
-- retry_or_fail_stuck_jobs(p_older_than, p_limit) -> table (retried, failed, cancelled)
--
-- Ends the attempts of workers that are gone, at most p_limit: those whose lease ran out, and those
-- without a lease that gave no sign of life for p_older_than. Such a job waits for its next attempt
-- or is failed; one that an external queue runs is failed, for its next attempt is not ours to
-- begin. A job whose user asked to cancel one minute ago or longer is cancelled, whatever its
-- worker does. Safe to call at any time, from many places at once: what was handled is not stuck.
--
-- Why definer: nobody but job_writer may update a job.
-- Locks:   index_jobs rows, for no key update, by id; rows locked by others are passed over.
-- Raises:  PT422 invalid_older_than, invalid_limit.
-- Callers: service_role: the runner, pg_cron where there is one.

create or replace function public.retry_or_fail_stuck_jobs(
  p_older_than interval default interval '1 hour',
  p_limit integer default 100
)
returns table (retried integer, failed integer, cancelled integer)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_asked timestamptz := private.clock();
  v_job public.index_jobs;
  v_now timestamptz;
  v_status public.job_status;
begin
  perform private.check_batch(p_older_than, p_limit);
  retried := 0;
  failed := 0;
  cancelled := 0;
  for v_job in
    select j.*
    from public.index_jobs as j
    where j.status = 'processing'
      and (j.lease_expires_at <= v_asked
        or j.cancel_requested_at <= v_asked - interval '1 minute'
        or (j.lease_expires_at is null and j.retry_at is null
          and j.heartbeat_at <= v_asked - p_older_than))
    order by j.id
    limit p_limit
    for no key update skip locked
  loop
    v_now := greatest(private.clock(), v_job.updated_at);
    select e.status into v_status
    from private.end_attempt(
      v_job, v_now, null,
      v_job.cancel_requested_at is not null or v_job.queue_job_id is null) as e;
    retried := retried + (v_status = 'processing')::integer;
    failed := failed + (v_status = 'failed')::integer;
    cancelled := cancelled + (v_status = 'cancelled')::integer;
  end loop;
  return next;
end;
$$;

comment on function public.retry_or_fail_stuck_jobs(interval, integer) is
  'Ends the attempts of index jobs whose worker is gone; says how many.';

alter function public.retry_or_fail_stuck_jobs(interval, integer) owner to job_writer;
revoke all on function public.retry_or_fail_stuck_jobs(interval, integer)
  from public, anon, authenticated, service_role;
grant execute on function public.retry_or_fail_stuck_jobs(interval, integer) to service_role;
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
  v_status public.job_status := private.parse_status(p_status);
  v_metadata jsonb := coalesce(p_metadata, '{}');
  v_error text;
  v_stats jsonb := v_metadata -> 'stats';
  v_commit_sha text := lower(v_metadata ->> 'commit_sha');
  v_job public.index_jobs;
  v_now timestamptz;
begin
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
    last_error = case v_status when 'cancelled' then j.last_error else v_error end,
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

revoke create on schema public, private from job_writer, job_gateway, job_tenant;
revoke job_writer, job_gateway, job_tenant from current_user;
-- end stamped part

-- By hand, below it: what needs its functions.

do $$
begin
  if to_regprocedure('cron.schedule(text, text, text)') is not null then
    perform cron.schedule(
      'index_jobs: retry_or_fail_stuck_jobs', '* * * * *',
      'set role service_role; select * from public.retry_or_fail_stuck_jobs()');
  end if;
end;
$$;

notify pgrst, 'reload schema';
comment on schema private is 'schema version 20261124221449';
