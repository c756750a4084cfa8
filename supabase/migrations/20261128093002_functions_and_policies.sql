-- functions_and_policies
-- depends: 20261128093001_add_queue_job_id_and_commit_sha
-- previous text: f646139489ee

set local lock_timeout = '250ms';

-- Written by hand, above the stamped part: what its functions and policies need.

create table private.job_metric_log (
  at timestamptz not null,
  from_status public.job_status,
  to_status public.job_status,
  outcome text,
  wait interval,
  duration interval
)
  with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000,
    autovacuum_vacuum_insert_threshold = -1);
-- It has no key, and a publication of all tables refuses deletes without a replica identity.
alter table private.job_metric_log replica identity full;
comment on table private.job_metric_log is
  'Changes of jobs that are not yet added to private.job_metrics. Triggers append to it, so that '
  'no transition updates a shared row.';
comment on column private.job_metric_log.at is 'When.';
comment on column private.job_metric_log.from_status is
  'Status before; null for the creation of the job.';
comment on column private.job_metric_log.to_status is
  'Status after; null for the deletion of the job.';
comment on column private.job_metric_log.outcome is
  'How an attempt ended: completed, failed, cancelled, retry, handed_back or lost.';
comment on column private.job_metric_log.wait is
  'How long the job waited for its first attempt, if that started.';
comment on column private.job_metric_log.duration is
  'How long the job took from its first attempt to its end, if it ended.';

create table private.job_metrics (
  from_status public.job_status,
  to_status public.job_status,
  outcome text,
  wait_le double precision,
  duration_le double precision,
  events bigint not null,
  wait numeric not null,
  duration numeric not null,
  unique nulls not distinct (from_status, to_status, outcome, wait_le, duration_le)
) with (fillfactor = 50);
alter table private.job_metrics replica identity full;
comment on table private.job_metrics is
  'Counters of changes of jobs: a few dozen rows, which only grow.';
comment on column private.job_metrics.from_status is 'As in private.job_metric_log.';
comment on column private.job_metrics.to_status is 'As in private.job_metric_log.';
comment on column private.job_metrics.outcome is 'As in private.job_metric_log.';
comment on column private.job_metrics.wait_le is
  'The bucket of the wait: its upper bound in seconds; infinity above the largest.';
comment on column private.job_metrics.duration_le is 'The bucket of the duration, likewise.';
comment on column private.job_metrics.events is 'The count.';
comment on column private.job_metrics.wait is 'The sum of the waits, in seconds.';
comment on column private.job_metrics.duration is 'The sum of the durations, in seconds.';

create table private.job_ends (
  minute timestamptz primary key,
  completed bigint not null,
  failed bigint not null
) with (fillfactor = 50);
comment on table private.job_ends is
  'How many jobs were completed or failed in each minute of the last hour.';
comment on column private.job_ends.minute is 'The start of the minute.';
comment on column private.job_ends.completed is 'How many were completed.';
comment on column private.job_ends.failed is 'How many failed.';

-- begin stamped part (make migration rewrites it)
grant job_writer, job_gateway, job_tenant to current_user;
grant create on schema public, private to job_writer, job_gateway, job_tenant;
-- stamp: db/functions/private/admin_fail_index_job.sql
create or replace function private.admin_fail_index_job(p_job_id uuid)
returns setof public.index_jobs
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_job public.index_jobs := private.lock_index_job(p_job_id);
begin
  if private.is_final(v_job.status) then
    raise exception 'the job is already %', v_job.status
      using errcode = 'PT409', detail = 'invalid_transition', column = 'job_id',
        hint = 'A final status never changes.';
  end if;
  return query
  select j.*
  from private.end_attempt(
    v_job, greatest(private.clock(), v_job.updated_at), 'support ended the job', false) as j;
end;
$$;
comment on function private.admin_fail_index_job(uuid) is 'Fails an index job for support.';
alter function private.admin_fail_index_job(uuid) owner to job_writer;
revoke all on function private.admin_fail_index_job(uuid)
  from public, anon, authenticated, service_role;
grant execute on function private.admin_fail_index_job(uuid) to job_gateway;
-- end stamp
-- stamp: db/functions/private/admin_list_index_jobs.sql
create or replace function private.admin_list_index_jobs(
  p_status text,
  p_tenant text,
  p_repository text,
  p_since timestamptz,
  p_until timestamptz,
  p_queue_job_id text,
  p_cursor text,
  p_limit integer
)
returns setof public.index_jobs
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan
as $$
declare
  v_status public.job_status;
  v_tenant_id uuid := private.parse_uuid(p_tenant);
  v_queue_job_id uuid := private.parse_uuid(p_queue_job_id);
  v_before uuid := private.parse_uuid(p_cursor);
begin
  perform private.check_page(p_limit);
  if p_status is not null then
    v_status := private.parse_status(p_status);
  end if;
  if p_tenant is not null and v_tenant_id is null then
    raise exception 'tenant is not a UUID'
      using errcode = 'PT422', detail = 'invalid_tenant', column = 'tenant',
        hint = 'Pass the id of a user or an organization, such as a job''s tenant_id.';
  end if;
  if p_queue_job_id is not null and v_queue_job_id is null then
    raise exception 'queue_job_id is not a UUID'
      using errcode = 'PT422', detail = 'invalid_queue_job_id', column = 'queue_job_id',
        hint = 'Pass the id of the queue''s job.';
  end if;
  if p_cursor is not null and v_before is null then
    raise exception 'cursor is not valid'
      using errcode = 'PT422', detail = 'invalid_cursor', column = 'cursor',
        hint = 'Pass the next_cursor of the previous page, or nothing for the first page.';
  end if;

  return query
  select j.*
  from public.index_jobs as j
  where (v_status is null or j.status = v_status)
    and (v_tenant_id is null or j.tenant_id = v_tenant_id)
    and (p_repository is null or j.repository_id = any (array(
      select r.id
      from public.repositories as r
      where r.full_name = p_repository or r.id = private.parse_uuid(p_repository))))
    and (p_since is null or j.created_at >= p_since)
    and (p_until is null or j.created_at < p_until)
    and (v_queue_job_id is null or j.queue_job_id = v_queue_job_id)
    and (v_before is null or j.id < v_before)
  order by j.id desc
  limit p_limit;
end;
$$;
comment on function private.admin_list_index_jobs(
  text, text, text, timestamptz, timestamptz, text, text, integer) is
  'Lists all tenants'' index jobs for support, newest first, page by page.';
alter function private.admin_list_index_jobs(
  text, text, text, timestamptz, timestamptz, text, text, integer) owner to job_writer;
revoke all on function private.admin_list_index_jobs(
  text, text, text, timestamptz, timestamptz, text, text, integer)
  from public, anon, authenticated, service_role;
grant execute on function private.admin_list_index_jobs(
  text, text, text, timestamptz, timestamptz, text, text, integer) to job_gateway;
-- end stamp
-- stamp: db/functions/private/admin_release_index_job.sql
create or replace function private.admin_release_index_job(p_job_id uuid)
returns setof public.index_jobs
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_job public.index_jobs := private.lock_index_job(p_job_id);
  v_now timestamptz := greatest(private.clock(), v_job.updated_at);
begin
  if v_job.queue_job_id is not null then
    raise exception 'the queue manages the attempts of the job'
      using errcode = 'PT409', detail = 'no_lease', column = 'job_id',
        hint = 'Retry it in the queue, or fail it here.';
  end if;
  if v_job.status <> 'processing' or v_job.retry_at is not null then
    raise exception 'no worker has the job'
      using errcode = 'PT409', detail = 'no_lease', column = 'job_id',
        hint = 'Explain the job to see what it waits for.';
  end if;
  return query
  update public.index_jobs as j
  set lease_expires_at = null,
    retry_at = v_now,
    max_attempts = least(j.max_attempts + 1, 100),
    updated_at = v_now,
    version = j.version + 1
  where j.id = v_job.id
  returning j.*;
end;
$$;
comment on function private.admin_release_index_job(uuid) is
  'Takes an index job from its worker, for support.';
alter function private.admin_release_index_job(uuid) owner to job_writer;
revoke all on function private.admin_release_index_job(uuid)
  from public, anon, authenticated, service_role;
grant execute on function private.admin_release_index_job(uuid) to job_gateway;
-- end stamp
-- stamp: db/functions/private/admin_retry_index_job.sql
create or replace function private.admin_retry_index_job(p_job_id uuid)
returns setof public.index_jobs
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_job public.index_jobs := private.lock_index_job(p_job_id);
  v_repeat_id uuid;
begin
  if v_job.status not in ('failed', 'cancelled') then
    raise exception 'the job is %', v_job.status
      using errcode = 'PT409', detail = 'not_repeatable', column = 'job_id',
        hint = 'Only a failed or cancelled job can be repeated.';
  end if;
  return query
  select j.*
  from public.index_jobs as j
  where j.repeats_job_id = v_job.id
    and j.repository_id = v_job.repository_id
    and j.completed_at is null
  limit 1;
  if found then
    return;
  end if;
  v_repeat_id := private.insert_index_job(
    p_repository_id => v_job.repository_id,
    p_ref => v_job.ref,
    p_commit_sha => v_job.commit_sha,
    p_idempotency_key => null,
    p_created_by => v_job.created_by);
  return query
  update public.index_jobs as j
  set repeats_job_id = v_job.id
  where j.id = v_repeat_id
  returning j.*;
end;
$$;
comment on function private.admin_retry_index_job(uuid) is
  'Creates an index job that repeats another, for support.';
alter function private.admin_retry_index_job(uuid) owner to job_writer;
revoke all on function private.admin_retry_index_job(uuid)
  from public, anon, authenticated, service_role;
grant execute on function private.admin_retry_index_job(uuid) to job_gateway;
-- end stamp
-- stamp: db/functions/private/begin_request.sql
create or replace function private.begin_request(p_api_key text, p_claims jsonb)
returns private.api_caller
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := private.clock();
  v_secret_hash bytea := sha256(convert_to(split_part(coalesce(p_api_key, ''), '_', 3), 'UTF8'));
  v_caller private.api_caller;
  v_is_new_use boolean;
begin
  v_caller.window_start := date_trunc('hour', v_now, 'UTC');
  select u.id, u.is_new_use, t.requests_per_hour, coalesce(c.requests, 0)
  into v_caller.user_id, v_is_new_use, v_caller.rate_limit, v_caller.requests
  from (
    select k.user_id, coalesce(k.last_used_at not between v_now - interval '1 hour' and v_now, true)
    from private.api_keys as k
    where k.id = split_part(p_api_key, '_', 2)
      and k.secret_hash = v_secret_hash
      and split_part(p_api_key, '_', 1) = 'ij'
      and k.enabled
      and (k.expires_at is null or k.expires_at > v_now)
    union all
    select private.parse_uuid(p_claims ->> 'sub'), false
    where p_api_key is null and p_claims ->> 'role' = 'authenticated'
  ) as u (id, is_new_use)
  left join private.accounts as a on a.user_id = u.id
  join private.tiers as t on t.name = coalesce(a.tier, 'free')
  left join private.rate_limit_counters as c
    on c.user_id = u.id and c.window_start between v_caller.window_start and v_now
  where u.id is not null and not private.is_banned(u.id);
  if not found then
    return v_caller;
  end if;

  perform set_config('request.jwt.claims', coalesce(
    p_claims, jsonb_build_object('sub', v_caller.user_id, 'role', 'authenticated'))::text, true);
  if v_is_new_use then
    update private.api_keys as k set last_used_at = v_now
    where k.id = split_part(p_api_key, '_', 2);
  end if;
  return v_caller;
end;
$$;
comment on function private.begin_request(text, jsonb) is
  'Identifies the caller of an api_ function and sets the claims.';
revoke all on function private.begin_request(text, jsonb)
  from public, anon, authenticated, service_role;
grant execute on function private.begin_request(text, jsonb) to job_gateway;
-- end stamp
-- stamp: db/functions/private/bound_claims_before.sql
create or replace function private.bound_claims_before(
  p_job public.index_jobs,
  p_now timestamptz,
  p_served uuid,
  p_lapsed uuid[],
  p_own integer
)
returns integer
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  c_most constant integer := 1001;
  v_is_round boolean := p_job.tenant_id <= p_served;
  v_due uuid[] := array(
    select j.tenant_id
    from public.index_jobs as j
    where j.retry_at <= p_now and j.queue_job_id is null
    order by j.retry_at, j.tenant_id
    limit c_most);
  v_free integer := (
    select count(*)
    from (select
      from public.index_jobs as j
      where j.status = 'pending' and j.queue_job_id is null
      order by j.tenant_id, j.created_at, j.id
      limit c_most + 1) as f)
    + cardinality(v_due)
    + (select count(*)
    from (select
      from public.index_jobs as j
      where p_lapsed <> '{}' and j.status = 'processing' and j.retry_at is null
        and j.queue_job_id is null and j.lease_expires_at <= p_now
      order by j.tenant_id, j.queue_job_id, j.retry_at, j.id
      limit c_most) as f);
  v_held integer := (
    select count(*)
    from (select
      from public.index_jobs as j
      where j.status = 'processing' and j.retry_at is null and j.queue_job_id is null
        and j.tenant_id >= p_job.tenant_id and j.tenant_id <= p_job.tenant_id
        and j.lease_expires_at > p_now
      order by j.tenant_id, j.queue_job_id, j.retry_at, j.id
      limit 32) as leased);
  v_level integer := least(v_held + p_own, 32);
  v_rounds integer := 1 + p_own;
  v_tenants uuid[];
  v_holds integer[];
  v_ahead integer[];
  v_walked integer;
  v_last uuid;
  v_is_last_round boolean;
  v_seen integer := 0;
  v_between integer;
  v_claims integer := p_own;
begin
  if v_level = 0 then
    with recursive walk (walked, tenant_id, is_round, is_waiting) as (
      select 0, p_served, false, false
      union all
      select
        w.walked + 1,
        coalesce(n.id, '00000000-0000-0000-0000-000000000000'),
        w.is_round or n.id is null,
        n.id is not null
      from walk as w
      cross join lateral (
        select (
          select j.tenant_id
          from public.index_jobs as j
          where j.status = 'pending' and j.queue_job_id is null and j.tenant_id > w.tenant_id
          order by j.tenant_id, j.created_at, j.id
          limit 1) as id
        offset 0) as n
      where w.walked < 200
        and (w.is_round, w.tenant_id) < (v_is_round, p_job.tenant_id)
        and (n.id is not null or not w.is_round)
    )
    select
      max(w.walked),
      count(*) filter (
        where w.is_waiting and (w.is_round, w.tenant_id) < (v_is_round, p_job.tenant_id)),
      (array_agg(w.tenant_id order by w.walked desc))[1],
      bool_or(w.is_round)
    into v_walked, v_between, v_last, v_is_last_round
    from walk as w;
    if v_walked = 200 then
      select v_between + count(distinct f.tenant_id), count(*) into v_between, v_seen
      from (
        (select j.tenant_id
        from public.index_jobs as j
        where j.status = 'pending' and j.queue_job_id is null and j.tenant_id > v_last
          and (v_is_round > v_is_last_round or j.tenant_id < p_job.tenant_id)
        order by j.tenant_id, j.created_at, j.id
        limit 2000)
        union all
        (select j.tenant_id
        from public.index_jobs as j
        where v_is_round > v_is_last_round
          and j.status = 'pending' and j.queue_job_id is null and j.tenant_id < p_job.tenant_id
        order by j.tenant_id, j.created_at, j.id
        limit 2000)) as f;
    end if;
    v_between := v_between + (
      select count(distinct r.id)
      from unnest(p_lapsed || v_due) as r (id)
      where (r.id <= p_served, r.id) < (v_is_round, p_job.tenant_id)
        and not exists (
          select
          from public.index_jobs as j
          where j.status = 'pending' and j.queue_job_id is null
            and j.tenant_id >= r.id and j.tenant_id <= r.id));
    if v_seen >= 2000 or cardinality(v_due) = c_most then
      v_between := c_most;
    end if;
    return least(v_between, v_free - 1, c_most);
  end if;

  select array_agg(t.tenant_id), array_agg(t.held)
  into v_tenants, v_holds
  from private.order_waiting_tenants(
    p_now, p_lapsed || v_due, cardinality(v_due) = c_most, array[p_job.tenant_id],
    p_window => 33, p_past_idle => true) as t;
  if cardinality(v_tenants) > 32 then
    return least(v_free - 1, c_most);
  end if;
  for i in 1 .. cardinality(v_tenants) loop
    v_ahead[i] := case when v_holds[i] < v_level then (
      select f.turns
      from private.count_free_jobs(
        p_tenant_id => v_tenants[i],
        p_now => p_now,
        p_is_lapsed => v_tenants[i] = any (p_lapsed),
        p_most => v_level - v_holds[i]) as f) else 0 end;
    v_rounds := v_rounds + v_ahead[i];
  end loop;
  for i in 1 .. cardinality(v_tenants) loop
    exit when v_claims >= c_most;
    v_claims := v_claims + (
      select f.jobs
      from private.count_free_jobs(
        p_tenant_id => v_tenants[i],
        p_now => p_now,
        p_is_lapsed => v_tenants[i] = any (p_lapsed),
        p_most => least(c_most - v_claims, v_ahead[i] + v_rounds
          - ((v_tenants[i] <= p_served, v_tenants[i])
            > (v_is_round, p_job.tenant_id))::integer)) as f);
  end loop;
  return least(v_claims, v_free - 1, c_most);
end;
$$;
comment on function
  private.bound_claims_before(public.index_jobs, timestamptz, uuid, uuid[], integer) is
  'Returns an upper bound on the claims before a job, while many tenants wait.';
revoke all on function
  private.bound_claims_before(public.index_jobs, timestamptz, uuid, uuid[], integer)
  from public, anon, authenticated, service_role;
grant execute on function
  private.bound_claims_before(public.index_jobs, timestamptz, uuid, uuid[], integer)
  to job_writer;
-- end stamp
-- stamp: db/functions/private/broadcast_index_job.sql
create or replace function private.broadcast_index_job()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if to_regnamespace('realtime') is null then
    return null;
  end if;
  begin
    if to_regprocedure('realtime.send(jsonb,text,text,boolean)') is not null then
      perform realtime.send(
        jsonb_build_object(
          'job_id', new.id,
          'version', new.version,
          'status', new.status,
          'attempt', new.attempt,
          'progress', new.progress),
        'index_job',
        'index_jobs:' || new.tenant_id,
        true);
    end if;
  exception when others or assert_failure then
    raise warning 'a change of job % was not broadcast: %', new.id, sqlerrm;
  end;
  return null;
end;
$$;
comment on function private.broadcast_index_job() is
  'Sends a change of an index job to Supabase Realtime.';
revoke all on function private.broadcast_index_job() from public, anon, authenticated, service_role;
create or replace trigger index_jobs_broadcast_creation
  after insert on public.index_jobs
  for each row execute function private.broadcast_index_job();
create or replace trigger index_jobs_broadcast_change
  after update on public.index_jobs
  for each row
  when (old.version <> new.version
    and (old.progress is not distinct from new.progress
      or old.status <> new.status
      or old.attempt <> new.attempt
      or old.retry_at is distinct from new.retry_at
      or old.cancel_requested_at is distinct from new.cancel_requested_at
      or date_trunc('second', old.updated_at) <> date_trunc('second', new.updated_at)))
  execute function private.broadcast_index_job();
-- end stamp
-- stamp: db/functions/private/cancel_index_job.sql
create or replace function private.cancel_index_job(p_job_id uuid)
returns void
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
    raise exception 'members may cancel only the jobs they created'
      using errcode = 'PT403', detail = 'not_allowed', column = 'job_id',
        hint = 'Ask an owner or admin of the organization, or the member who created the job.';
  end if;

  v_job := private.lock_index_job(p_job_id);
  v_now := greatest(private.clock(), v_job.updated_at);
  if v_job.status = 'cancelled'
    or (v_job.status = 'processing' and v_job.cancel_requested_at is not null)
  then
    return;
  end if;
  perform
  from private.job_transitions() as t
  where t.from_status = v_job.status and t.to_status = 'cancelled';
  if not found then
    raise exception 'the job is already %', v_job.status
      using errcode = 'PT409', detail = 'invalid_transition', column = 'job_id',
        hint = 'A final status never changes.';
  end if;

  update public.index_jobs as j
  set cancel_requested_at = v_now,
    status = case when j.status = 'pending' or j.retry_at is not null then 'cancelled'
      else j.status end,
    completed_at = case when j.status = 'pending' or j.retry_at is not null then v_now end,
    retry_at = null,
    updated_at = v_now,
    version = j.version + 1
  where j.id = v_job.id;
end;
$$;
comment on function private.cancel_index_job(uuid) is
  'Cancels an index job for the signed-in user, or asks its worker to.';
alter function private.cancel_index_job(uuid) owner to job_writer;
revoke all on function private.cancel_index_job(uuid)
  from public, anon, authenticated, service_role;
grant execute on function private.cancel_index_job(uuid) to authenticated;
-- end stamp
-- stamp: db/functions/private/check_attempt.sql
create or replace function private.check_attempt(p_job public.index_jobs, p_attempt integer)
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
        hint = 'Another worker has the job now: stop working on it.';
  end if;
  if p_job.retry_at is not null then
    raise exception 'attempt % has ended, and the next one has not begun', p_job.attempt
      using errcode = 'PT409', detail = 'stale_attempt', column = 'attempt',
        hint = 'Stop working on the job: claim_index_job begins the next attempt.';
  end if;
  if p_attempt is null and p_job.attempt > 1 then
    raise exception 'the job was started more than once, so attempt is required'
      using errcode = 'PT409', detail = 'attempt_required', column = 'attempt',
        hint = 'Pass the attempt that the claim returned as p_attempt.';
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
create or replace function private.check_batch(p_older_than interval, p_limit integer)
returns void
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_older_than is null or p_older_than not between interval '0' and interval '1000 years' then
    raise exception 'older_than is not between 0 and 1000 years'
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
  'Refuses an age or a batch size that is not allowed.';
revoke all on function private.check_batch(interval, integer)
  from public, anon, authenticated, service_role;
grant execute on function private.check_batch(interval, integer) to job_writer;
-- end stamp
-- stamp: db/functions/private/check_job_metadata.sql
create or replace function private.check_job_metadata(p_status public.job_status, p_metadata jsonb)
returns void
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_code text;
  v_message text;
  v_hint text;
  v_error jsonb := p_metadata -> 'error';
  v_stats jsonb := p_metadata -> 'stats';
  v_commit_sha jsonb := p_metadata -> 'commit_sha';
begin
  if jsonb_typeof(p_metadata) <> 'object' then
    v_code := 'invalid_metadata';
    v_message := 'metadata is not an object';
    v_hint := 'Pass {"error": …}, {"stats": …} or {}.';
  elsif p_metadata - array['error', 'stats', 'commit_sha'] <> '{}' then
    v_code := 'unknown_metadata';
    v_message := 'metadata has a member other than error, stats and commit_sha';
    v_hint := 'Put figures into stats.';
  elsif p_status = 'failed' and (jsonb_typeof(v_error) is distinct from 'string'
      or btrim(p_metadata ->> 'error', E' \t\r\n') = '') then
    v_code := 'error_required';
    v_message := 'failed without an error';
    v_hint := 'Pass {"error": "a sentence for the user"}.';
  elsif p_status <> 'failed' and v_error is not null then
    v_code := 'error_not_allowed';
    v_message := 'only a failed job can have an error';
    v_hint := 'Leave error out, or pass the status failed.';
  elsif v_stats is not null and not private.is_final(p_status) then
    v_code := 'stats_not_allowed';
    v_message := 'only a job with a final status can have stats';
    v_hint := 'Report progress by report_job_progress.';
  elsif jsonb_typeof(v_stats) <> 'object' then
    v_code := 'invalid_stats';
    v_message := 'stats is not an object';
    v_hint := 'Pass {"stats": {"files_indexed": 1, "symbols_extracted": 2}}.';
  elsif octet_length(v_stats::text) > 16384 then
    v_code := 'stats_too_large';
    v_message := 'stats is larger than 16384 bytes';
    v_hint := 'Keep figures in stats and rows in tables.';
  elsif v_commit_sha is not null and (jsonb_typeof(v_commit_sha) <> 'string'
      or not private.is_commit_sha(p_metadata ->> 'commit_sha')) then
    v_code := 'invalid_commit_sha';
    v_message := 'commit_sha must have 40 hexadecimal digits';
    v_hint := 'Pass what git rev-parse prints.';
  else
    return;
  end if;
  raise exception '%', v_message
    using errcode = 'PT422', detail = v_code, hint = v_hint, column = 'metadata';
end;
$$;
comment on function private.check_job_metadata(public.job_status, jsonb) is
  'Refuses metadata that does not fit the status.';
revoke all on function private.check_job_metadata(public.job_status, jsonb)
  from public, anon, authenticated, service_role;
grant execute on function private.check_job_metadata(public.job_status, jsonb) to job_writer;
-- end stamp
-- stamp: db/functions/private/check_lease.sql
create or replace function private.check_lease(p_lease interval)
returns void
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_lease < interval '0' or p_lease > interval '1 day'
    or extract(year from p_lease) <> 0 or extract(month from p_lease) <> 0
    or extract(day from p_lease) not in (0, 1)
  then
    raise exception 'lease is not between 0 and one day'
      using errcode = 'PT422', detail = 'invalid_lease', column = 'lease',
        hint = 'Pass an interval such as 30 seconds.';
  end if;
end;
$$;
comment on function private.check_lease(interval) is
  'Refuses a lease that is negative or too long.';
revoke all on function private.check_lease(interval) from public, anon, authenticated, service_role;
grant execute on function private.check_lease(interval) to job_writer;
-- end stamp
-- stamp: db/functions/private/check_page.sql
create or replace function private.check_page(p_limit integer)
returns void
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_limit is null or p_limit not between 1 and 100 then
    raise exception 'limit is not a number from 1 to 100'
      using errcode = 'PT422', detail = 'invalid_limit', column = 'limit',
        hint = 'Send 100 or less, and follow next_cursor to the rest.';
  end if;
end;
$$;
comment on function private.check_page(integer) is 'Refuses a page size that is not allowed.';
revoke all on function private.check_page(integer) from public, anon, authenticated, service_role;
grant execute on function private.check_page(integer) to authenticated, service_role, job_writer;
-- end stamp
-- stamp: db/functions/private/clean_error.sql
create or replace function private.clean_error(p_error text)
returns text
language sql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select case
    when e.length > 2000 then left(e.text, 1980) || ' … (cut, ' || e.length || ')'
    else e.text
  end
  from (select btrim(p_error)) as b (text)
  cross join lateral (
    select regexp_replace(
      regexp_replace(
        regexp_replace(
          left(b.text, 8000),
          '[\u0001-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]', U&'\FFFD', 'g'),
        '([A-Za-z][A-Za-z0-9+.-]*://)([^/[:space:]]*|[^[:space:]]*:[^[:space:]]*)@', '\1***@', 'g'),
      '([?&;#][a-z0-9_.-]*(token|secret|passw|api_?key|signature|credential)[a-z0-9_.-]*=)'
        '[^&;#[:space:]''"<>]*', '\1***', 'gi')
  ) as r (text)
  cross join lateral (
    select r.text, length(r.text) + greatest(length(b.text) - 8000, 0)
  ) as e (text, length);
$$;
comment on function private.clean_error(text) is
  'Returns the error text with credentials redacted, cut at 2,000 characters.';
revoke all on function private.clean_error(text) from public, anon, authenticated, service_role;
grant execute on function private.clean_error(text) to job_writer;
-- end stamp
-- stamp: db/functions/private/clock.sql
create or replace function private.clock()
returns timestamptz
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select clock_timestamp();
$$;
comment on function private.clock() is
  'Returns the current time; tests replace it with their own clock.';
revoke all on function private.clock() from public, anon, authenticated, service_role;
grant execute on function private.clock() to authenticated, service_role, job_writer, job_gateway;
-- end stamp
-- stamp: db/functions/private/count_claims_before.sql
create or replace function private.count_claims_before(
  p_job public.index_jobs,
  p_now timestamptz
)
returns table (claims integer, own integer, is_exact boolean)
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_sort = off
set enable_incremental_sort = off
as $$
declare
  c_most constant integer := 1001;
  v_served uuid := (
    select (lpad(to_hex(h.last_value), 16, '0') || lpad(to_hex(l.last_value), 16, '0'))::uuid
    from private.claim_cursor_high as h
    cross join private.claim_cursor_low as l);
  v_lapsed uuid[] := '{}';
  v_due uuid[];
  v_place text;  -- pending, due or lapsed: which of its tenant's lists the job is in
  v_tenants uuid[];
  v_held integer[];
  v_jobs integer[];
  v_turns integer[];
  v_free record;
  v_level integer;
  v_step integer;
begin
  if p_job.queue_job_id is not null or p_job.cancel_requested_at is not null
    or p_job.attempt >= p_job.max_attempts
  then
    return next;
    return;
  end if;
  if (select c.last_value from private.claim_lease_check as c)
    <> floor(extract(epoch from p_now))::bigint
  then
    v_lapsed := array(
      select distinct on (j.tenant_id) j.tenant_id
      from public.index_jobs as j
      where j.status = 'processing' and j.retry_at is null and j.queue_job_id is null
        and j.lease_expires_at <= p_now
      order by j.tenant_id, j.queue_job_id, j.retry_at, j.id);
  end if;
  v_place := case
    when p_job.status = 'pending' then 'pending'
    when p_job.retry_at <= p_now then 'due'
    when p_job.lease_expires_at <= p_now and p_job.tenant_id = any (v_lapsed) then 'lapsed'
  end;
  if v_place is null then
    return next;
    return;
  end if;

  own := (
    select count(*)
    from (select
      from public.index_jobs as j
      where p_job.tenant_id = any (v_lapsed)
        and j.status = 'processing' and j.retry_at is null and j.queue_job_id is null
        and j.tenant_id >= p_job.tenant_id and j.tenant_id <= p_job.tenant_id
        and j.lease_expires_at <= p_now
        and j.cancel_requested_at is null and j.attempt < j.max_attempts
        and (v_place <> 'lapsed' or j.id < p_job.id)
      order by j.tenant_id, j.queue_job_id, j.retry_at, j.id
      limit c_most) as f);
  own := own + (
    select count(*)
    from (select
      from public.index_jobs as j
      where v_place <> 'lapsed'
        and j.status = 'processing' and j.retry_at <= p_now and j.queue_job_id is null
        and j.tenant_id >= p_job.tenant_id and j.tenant_id <= p_job.tenant_id
        and j.cancel_requested_at is null and j.attempt < j.max_attempts
        and (v_place <> 'due' or (j.retry_at, j.id) < (p_job.retry_at, p_job.id))
      order by j.tenant_id, j.queue_job_id, j.retry_at, j.id
      limit c_most - own) as f);
  own := own + (
    select count(*)
    from (select
      from public.index_jobs as j
      where v_place = 'pending' and j.status = 'pending' and j.queue_job_id is null
        and j.tenant_id >= p_job.tenant_id and j.tenant_id <= p_job.tenant_id
        and (j.created_at, j.id) < (p_job.created_at, p_job.id)
      order by j.tenant_id, j.created_at, j.id
      limit c_most - own) as f);

  v_due := array(
    select j.tenant_id
    from public.index_jobs as j
    where j.retry_at <= p_now and j.queue_job_id is null
    order by j.retry_at, j.tenant_id
    limit 100);
  select array_agg(t.tenant_id), array_agg(t.held)
  into v_tenants, v_held
  from private.order_waiting_tenants(
    p_now, v_lapsed || v_due, cardinality(v_due) = 100, '{}',
    p_window => 17, p_past_idle => true) as t;
  is_exact := cardinality(v_tenants) <= 16;
  if not is_exact then
    claims := private.bound_claims_before(p_job, p_now, v_served, v_lapsed, own);
    return next;
    return;
  end if;

  v_level := own + v_held[array_position(v_tenants, p_job.tenant_id)];
  claims := own;
  for i in 1 .. cardinality(v_tenants) loop
    select 0 as jobs, 0 as turns into v_free;
    if v_tenants[i] = p_job.tenant_id then
      select own + 1 as jobs, own + 1 as turns into v_free;
    elsif v_held[i] <= v_level and claims < c_most then
      select f.* into v_free
      from private.count_free_jobs(
        p_tenant_id => v_tenants[i],
        p_now => p_now,
        p_is_lapsed => v_tenants[i] = any (v_lapsed),
        p_most => least(v_level - v_held[i] + 1, c_most - claims)) as f;
      claims := claims + least(v_free.jobs, v_level - v_held[i]);
    end if;
    v_jobs[i] := v_free.jobs;
    v_turns[i] := v_free.turns;
  end loop;

  -- The tenant served last in the levels below; it changes only where a tenant starts or ends.
  for v_step in
    select distinct s.level
    from unnest(v_held, v_turns) as u (held, turns)
    cross join lateral (values (u.held), (u.held + u.turns)) as s (level)
    where s.level < v_level
    order by s.level
  loop
    v_served := coalesce(
      (select u.tenant_id
      from unnest(v_tenants, v_held, v_turns) as u (tenant_id, held, turns)
      where u.held <= v_step and u.held + u.turns > v_step
      order by u.tenant_id <= v_served desc, u.tenant_id desc
      limit 1),
      v_served);
  end loop;
  claims := least(c_most, claims + (
    select count(*)
    from unnest(v_tenants, v_held, v_jobs) as u (tenant_id, held, jobs)
    where u.held <= v_level and u.held + u.jobs > v_level
      and (u.tenant_id <= v_served, u.tenant_id)
        < (p_job.tenant_id <= v_served, p_job.tenant_id)));
  return next;
end;
$$;
comment on function private.count_claims_before(public.index_jobs, timestamptz) is
  'Returns how many claims come before that of a job.';
revoke all on function private.count_claims_before(public.index_jobs, timestamptz)
  from public, anon, authenticated, service_role;
grant execute on function private.count_claims_before(public.index_jobs, timestamptz)
  to job_writer;
-- end stamp
-- stamp: db/functions/private/count_deleted_jobs.sql
create or replace function private.count_deleted_jobs()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into private.job_metric_log (at, from_status)
  select private.clock(), d.status from deleted as d;
  return null;
end;
$$;
comment on function private.count_deleted_jobs() is 'Logs for metrics that jobs were deleted.';
alter function private.count_deleted_jobs() owner to job_writer;
revoke all on function private.count_deleted_jobs() from public, anon, authenticated, service_role;
create or replace trigger index_jobs_count_deletion
  after delete on public.index_jobs
  referencing old table as deleted
  for each statement execute function private.count_deleted_jobs();
-- end stamp
-- stamp: db/functions/private/count_free_jobs.sql
create or replace function private.count_free_jobs(
  p_tenant_id uuid,
  p_now timestamptz,
  p_is_lapsed boolean,
  p_most integer
)
returns table (jobs integer, turns integer)
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_pending integer := (
    select count(*)
    from (select
      from public.index_jobs as j
      where j.status = 'pending' and j.queue_job_id is null
        and j.tenant_id >= p_tenant_id and j.tenant_id <= p_tenant_id
      order by j.tenant_id, j.created_at, j.id
      limit p_most) as f);
begin
  jobs := v_pending;
  if jobs < p_most then
    jobs := jobs + (
      select count(*)
      from (select
        from public.index_jobs as j
        where j.status = 'processing' and j.queue_job_id is null and j.retry_at <= p_now
          and j.tenant_id >= p_tenant_id and j.tenant_id <= p_tenant_id
          and j.cancel_requested_at is null and j.attempt < j.max_attempts
        order by j.tenant_id, j.queue_job_id, j.retry_at, j.id
        limit p_most - jobs) as f);
  end if;
  if jobs < p_most and p_is_lapsed then
    jobs := jobs + (
      select count(*)
      from (select
        from public.index_jobs as j
        where j.status = 'processing' and j.queue_job_id is null and j.retry_at is null
          and j.tenant_id >= p_tenant_id and j.tenant_id <= p_tenant_id
          and j.lease_expires_at <= p_now
          and j.cancel_requested_at is null and j.attempt < j.max_attempts
        order by j.tenant_id, j.queue_job_id, j.retry_at, j.id
        limit p_most - jobs) as f);
  end if;
  turns := jobs;
  if v_pending = 0 and jobs < p_most then
    turns := jobs + coalesce(
      (select j.cancel_requested_at is not null or j.attempt >= j.max_attempts
      from public.index_jobs as j
      where j.status = 'processing' and j.queue_job_id is null and j.retry_at <= p_now
        and j.tenant_id >= p_tenant_id and j.tenant_id <= p_tenant_id
      order by j.tenant_id desc, j.queue_job_id desc, j.retry_at desc, j.id desc
      limit 1),
      (select j.cancel_requested_at is not null or j.attempt >= j.max_attempts
      from public.index_jobs as j
      where p_is_lapsed and j.status = 'processing' and j.queue_job_id is null
        and j.retry_at is null and j.lease_expires_at <= p_now
        and j.tenant_id >= p_tenant_id and j.tenant_id <= p_tenant_id
      order by j.tenant_id desc, j.queue_job_id desc, j.retry_at desc, j.id desc
      limit 1),
      false)::integer;
  end if;
  return next;
end;
$$;
comment on function private.count_free_jobs(uuid, timestamptz, boolean, integer) is
  'Returns how many jobs of a tenant are claimable, and how many turns they last.';
revoke all on function private.count_free_jobs(uuid, timestamptz, boolean, integer)
  from public, anon, authenticated, service_role;
grant execute on function private.count_free_jobs(uuid, timestamptz, boolean, integer)
  to job_writer;
-- end stamp
-- stamp: db/functions/private/count_request.sql
create or replace function private.count_request(p_caller private.api_caller)
returns private.api_answer
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_answer private.api_answer;
  v_requests integer;
begin
  if p_caller.user_id is null then
    v_answer.verdict := 'PT401';
    v_answer.code := 'AUTH_INVALID_KEY';
    v_answer.message := 'the key is not valid';
    v_answer.hint := 'Use a key that is neither revoked nor expired.';
    return v_answer;
  end if;
  if p_caller.requests < p_caller.rate_limit then
    insert into private.rate_limit_counters as c (user_id, window_start, requests)
    values (p_caller.user_id, p_caller.window_start, 1)
    on conflict (user_id) do update
    set requests = case
        when c.window_start = excluded.window_start
          or c.window_start between excluded.window_start and private.clock() then c.requests + 1
        else 1
      end,
      window_start = case
        when c.window_start > excluded.window_start and c.window_start <= private.clock()
          then c.window_start
        else excluded.window_start
      end
    where c.requests < p_caller.rate_limit
      or c.window_start not between excluded.window_start and private.clock()
    returning c.requests into v_requests;
  end if;
  v_answer.verdict := 'ok';
  v_answer.user_id := p_caller.user_id;
  v_answer.rate_limit := p_caller.rate_limit;
  v_answer.rate_remaining := greatest(
    p_caller.rate_limit - coalesce(v_requests, p_caller.rate_limit), 0);
  v_answer.rate_reset := extract(epoch from p_caller.window_start + interval '1 hour')::bigint;
  if v_requests is null then
    v_answer.verdict := 'PT429';
    v_answer.code := 'RATE_LIMITED';
    v_answer.message := 'the quota of ' || p_caller.rate_limit || ' requests an hour is used up';
    v_answer.hint := 'Wait until the hour is over, or use a higher tier.';
  end if;
  return v_answer;
end;
$$;
comment on function private.count_request(private.api_caller) is
  'Counts one request against the quota, and starts the answer.';
revoke all on function private.count_request(private.api_caller)
  from public, anon, authenticated, service_role;
grant execute on function private.count_request(private.api_caller) to job_gateway;
-- end stamp
-- stamp: db/functions/private/create_api_key.sql
create or replace function private.create_api_key(p_name text, p_expires_at timestamptz)
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
      using errcode = '42501', hint = 'Call with a user''s token.';
  end if;
  if coalesce(btrim(p_name), '') = '' or length(p_name) > 100 or p_name ~ '[[:cntrl:]]' then
    raise exception 'name is empty, longer than 100 characters or has a control character'
      using errcode = 'PT422', detail = 'invalid_name', column = 'name',
        hint = 'Say what the key is for.';
  end if;
  if p_expires_at <= v_now or p_expires_at >= '9999-12-31 00:00Z' then
    raise exception 'expires_at is not in the future, or is after the year 9999'
      using errcode = 'PT422', detail = 'invalid_expires_at', column = 'expires_at',
        hint = 'Pass a future time before 9999-12-31, or nothing for a key that never expires.';
  end if;
  insert into private.api_keys (id, user_id, name, secret_hash, created_at, expires_at)
  values (
    v_key_id, v_user_id, btrim(p_name), sha256(convert_to(v_secret, 'UTF8')), v_now, p_expires_at);
  return query
  select v_key_id, 'ij_' || v_key_id || '_' || v_secret, btrim(p_name), p_expires_at, v_now;
end;
$$;
comment on function private.create_api_key(text, timestamptz) is
  'Creates an API key for the signed-in user.';
alter function private.create_api_key(text, timestamptz) owner to job_gateway;
revoke all on function private.create_api_key(text, timestamptz)
  from public, anon, authenticated, service_role;
grant execute on function private.create_api_key(text, timestamptz) to authenticated;
-- end stamp
-- stamp: db/functions/private/create_broadcast_policy.sql
create or replace function private.create_broadcast_policy()
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (
    select from pg_class as c
    where c.relname = 'messages' and c.relnamespace = to_regnamespace('realtime'))
  then
    return;
  end if;
  drop policy if exists index_jobs_select_authenticated on realtime.messages;
  create policy index_jobs_select_authenticated on realtime.messages
    for select to authenticated
    using (extension = 'broadcast'
      and ((select realtime.topic()) = 'index_jobs:' || (select private.current_user_id())
        or exists (
          select from public.organization_members as m
          where m.user_id = (select private.current_user_id())
            and (select realtime.topic()) = 'index_jobs:' || m.organization_id)));
end;
$$;
comment on function private.create_broadcast_policy() is
  'Lets tenants follow their index jobs by Supabase Realtime.';
revoke all on function private.create_broadcast_policy()
  from public, anon, authenticated, service_role;
-- end stamp
-- stamp: db/functions/private/create_index_job.sql
create or replace function private.create_index_job(
  p_repository_id uuid,
  p_ref text,
  p_commit_sha text,
  p_idempotency_key text
)
returns uuid
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id uuid := private.current_user_id();
begin
  perform
  from public.repositories as r
  where r.id = p_repository_id
    and (r.owner_user_id = v_user_id
      or exists (
        select from public.organization_members as m
        where m.organization_id = r.organization_id and m.user_id = v_user_id));
  if not found then
    raise exception 'repository not found' using errcode = 'PT404';
  end if;
  return private.insert_index_job(
    p_repository_id => p_repository_id,
    p_ref => p_ref,
    p_commit_sha => p_commit_sha,
    p_idempotency_key => p_idempotency_key,
    p_created_by => v_user_id);
end;
$$;
comment on function private.create_index_job(uuid, text, text, text) is
  'Creates an index job for the signed-in user.';
alter function private.create_index_job(uuid, text, text, text) owner to job_writer;
revoke all on function private.create_index_job(uuid, text, text, text)
  from public, anon, authenticated, service_role;
grant execute on function private.create_index_job(uuid, text, text, text) to authenticated;
-- end stamp
-- stamp: db/functions/private/current_user_id.sql
create or replace function private.current_user_id()
returns uuid
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_claims text := nullif(current_setting('request.jwt.claims', true), '');
begin
  if v_claims is null then
    return null;
  end if;
  return (v_claims::jsonb ->> 'sub')::uuid;
exception
  when data_exception or program_limit_exceeded then
    return null;
end;
$$;
comment on function private.current_user_id() is
  'Returns the user named by the verified claims, or null.';
revoke all on function private.current_user_id() from public, anon, authenticated, service_role;
grant execute on function private.current_user_id()
  to anon, authenticated, service_role, job_writer, job_gateway;
-- end stamp
-- stamp: db/functions/private/delete_files_of_other_jobs.sql
create or replace function private.delete_files_of_other_jobs(p_job public.index_jobs)
returns void
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
  delete from public.indexed_files as f
  where f.repository_id = p_job.repository_id and f.job_id is distinct from p_job.id;
  delete from public.skipped_files as k
  where k.repository_id = p_job.repository_id and k.job_id is distinct from p_job.id;
$$;
comment on function private.delete_files_of_other_jobs(public.index_jobs) is
  'Deletes the files of a repository that other jobs have stored.';
revoke all on function private.delete_files_of_other_jobs(public.index_jobs)
  from public, anon, authenticated, service_role;
grant execute on function private.delete_files_of_other_jobs(public.index_jobs) to job_writer;
-- end stamp
-- stamp: db/functions/private/delete_gone_files.sql
create or replace function private.delete_gone_files(p_job public.index_jobs)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  -- an array uses the primary key, whatever the statistics of a staging table say
  v_gone bigint[] := array(
    select g.id from private.gone_files as g where g.transaction = pg_current_xact_id());
begin
  delete from public.indexed_files as f
  where f.repository_id = p_job.repository_id and f.id = any (v_gone);
  delete from public.indexed_files as f
  where f.repository_id = p_job.repository_id and f.symbol_count is null;
  delete from public.skipped_files as k where k.repository_id = p_job.repository_id;
end;
$$;
comment on function private.delete_gone_files(public.index_jobs) is
  'Deletes the files that a job found changed or deleted.';
revoke all on function private.delete_gone_files(public.index_jobs)
  from public, anon, authenticated, service_role;
grant execute on function private.delete_gone_files(public.index_jobs) to job_writer;
-- end stamp
-- stamp: db/functions/private/delete_incoming_rows.sql
create or replace function private.delete_incoming_rows()
returns void
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
  delete from private.incoming_files where transaction = pg_current_xact_id();
  delete from private.incoming_symbols where transaction = pg_current_xact_id();
  delete from private.incoming_skipped where transaction = pg_current_xact_id();
  delete from private.gone_files where transaction = pg_current_xact_id();
$$;
comment on function private.delete_incoming_rows() is
  'Empties the staging tables of this transaction''s rows.';
revoke all on function private.delete_incoming_rows()
  from public, anon, authenticated, service_role;
grant execute on function private.delete_incoming_rows() to job_writer;
-- end stamp
-- stamp: db/functions/private/delete_orphaned_rows.sql
create or replace function private.delete_orphaned_rows()
returns void
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
  delete from private.incoming_files
  where transaction is distinct from pg_current_xact_id_if_assigned();
  delete from private.incoming_symbols
  where transaction is distinct from pg_current_xact_id_if_assigned();
  delete from private.incoming_skipped
  where transaction is distinct from pg_current_xact_id_if_assigned();
  delete from private.gone_files
  where transaction is distinct from pg_current_xact_id_if_assigned();
$$;
comment on function private.delete_orphaned_rows() is
  'Deletes the staged rows that no transaction will store.';
revoke all on function private.delete_orphaned_rows()
  from public, anon, authenticated, service_role;
grant execute on function private.delete_orphaned_rows() to job_writer;
-- end stamp
-- stamp: db/functions/private/delete_symbols_of_files.sql
create or replace function private.delete_symbols_of_files()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_repository_id uuid;
  v_file_ids bigint[];
begin
  for v_repository_id, v_file_ids in
    select g.repository_id, array_agg(g.id) from gone as g group by g.repository_id
  loop
    delete from public.symbols as s
    where s.repository_id = v_repository_id and s.file_id = any (v_file_ids);
  end loop;
  return null;
end;
$$;
comment on function private.delete_symbols_of_files() is 'Deletes symbols with their files.';
alter function private.delete_symbols_of_files() owner to job_writer;
revoke all on function private.delete_symbols_of_files()
  from public, anon, authenticated, service_role;
create or replace trigger indexed_files_delete_symbols
  after delete on public.indexed_files
  referencing old table as gone
  for each statement execute function private.delete_symbols_of_files();
-- end stamp
-- stamp: db/functions/private/end_attempt.sql
create or replace function private.end_attempt(
  p_job public.index_jobs,
  p_now timestamptz,
  p_error text,
  p_retryable boolean,
  p_retry_at timestamptz default null
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
    when p_job.attempt >= p_job.max_attempts and p_job.queue_job_id is null then 'failed'
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
      when v_status = 'processing' then greatest(
        coalesce(p_retry_at, p_now + private.retry_delay(p_attempt => j.attempt)),
        p_now + interval '1 microsecond') -- exactly p_now would mean handed back
    end,
    updated_at = p_now,
    version = j.version + 1
  where j.id = p_job.id
  returning j.*;
end;
$$;
comment on function private.end_attempt(
  public.index_jobs, timestamptz, text, boolean, timestamptz) is
  'Ends an attempt: the job waits for the next one, fails or is cancelled.';
revoke all on function private.end_attempt(
  public.index_jobs, timestamptz, text, boolean, timestamptz)
  from public, anon, authenticated, service_role;
grant execute on function private.end_attempt(
  public.index_jobs, timestamptz, text, boolean, timestamptz)
  to job_writer;
-- end stamp
-- stamp: db/functions/private/estimate_index_job.sql
create or replace function private.estimate_index_job(
  p_job public.index_jobs,
  p_now timestamptz,
  p_ahead integer
)
returns table (
  eta_p50 double precision, eta_p90 double precision, eta_basis text, eta_samples integer
)
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_seconds double precision[] := array(
    select d.seconds
    from private.index_durations as d
    where d.repository_id = p_job.repository_id and d.bytes_unchanged > 0
    order by d.id desc
    limit 20);
  v_all double precision[];
  v_samples integer;
  v_slots bigint;
  v_first bigint := p_ahead;
  v_run double precision := 0;
  v_wait double precision := 0;
  v_spread double precision := 0;
begin
  if cardinality(v_seconds) < 3 then
    v_seconds := array(
      select d.seconds
      from private.index_durations as d
      where d.repository_id = p_job.repository_id
      order by d.id desc
      limit 20);
  end if;
  if p_ahead is null then
    v_run := extract(epoch from p_now - (
      select min(e.at)
      from public.index_job_events as e
      where e.job_id = p_job.id and e.attempt = p_job.attempt));
  else
    select sum(coalesce(r.slots, 1)) into v_slots
    from private.runners as r
    where r.seen_at > p_now - interval '15 seconds';
    if v_slots <= (
      select count(*)
      from (
        select from public.index_jobs as j
        where j.status = 'processing' and j.queue_job_id is null and j.retry_at is null
          and j.lease_expires_at > p_now
        limit v_slots) as j)
    then
      v_first := v_first + 1;
    end if;
  end if;
  if cardinality(v_seconds) < 3 or v_first > 0 then
    select array_agg(d.seconds) into v_all
    from (
      select d.seconds, coalesce(r.organization_id, r.owner_user_id) as tenant_id
      from private.index_durations as d
      join public.repositories as r on r.id = d.repository_id
      order by d.id desc
      limit 200) as d
    having count(*) >= 20 and count(distinct d.tenant_id) >= 5;
  end if;
  if v_first > 0 then
    if p_ahead = 0 and cardinality(v_seconds) >= 3 then
      v_all := coalesce(v_all, v_seconds);
    end if;
    v_wait := (select avg(s) from unnest(v_all) as s) * v_first / v_slots;
    v_spread := (private.predict_seconds(v_all, 0.9) - private.predict_seconds(v_all, 0.5))
      * sqrt(v_first::double precision / v_slots);
  end if;
  eta_basis := case when cardinality(v_seconds) >= 3 then 'repository' else 'fleet' end;
  v_seconds := case eta_basis when 'repository' then v_seconds else v_all end;

  v_samples := cardinality(v_seconds);
  v_seconds := array(select s from unnest(v_seconds) as s where s >= v_run);
  eta_p50 := v_wait + private.predict_seconds(v_seconds, 0.5) - v_run;
  eta_p90 := eta_p50 + sqrt(
    (private.predict_seconds(v_seconds, 0.9) - private.predict_seconds(v_seconds, 0.5)) ^ 2
    + v_spread ^ 2);
  if eta_p50 is null then
    eta_basis := null;
  else
    eta_p50 := round(eta_p50::numeric, 1);
    eta_p90 := round(eta_p90::numeric, 1);
    eta_samples := v_samples;
  end if;
  return next;
end;
$$;
comment on function private.estimate_index_job(public.index_jobs, timestamptz, integer) is
  'Estimates in how many seconds a job will be completed.';
revoke all on function private.estimate_index_job(public.index_jobs, timestamptz, integer)
  from public, anon, authenticated, service_role;
grant execute on function private.estimate_index_job(public.index_jobs, timestamptz, integer)
  to job_writer;
-- end stamp
-- stamp: db/functions/private/explain_any_job.sql
create or replace function private.explain_any_job(p_job_id uuid)
returns table (
  reason text, sentence text, "position" integer, own_ahead integer, until timestamptz,
  eta_p50 double precision, eta_p90 double precision, eta_basis text, eta_samples integer
)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := private.clock();
  v_job public.index_jobs;
  v_claims integer;
  v_place text;
  v_are_busy boolean;
begin
  select j.* into v_job from public.index_jobs as j where j.id = p_job_id;
  if not found then
    raise exception 'index job not found' using errcode = 'PT404';
  end if;
  if not private.is_final(v_job.status) then
    select
      c.claims,
      least(c.claims, 1000),
      least(c.own, 1000),
      private.spell_place(c.claims, c.own, c.is_exact)
    into v_claims, "position", own_ahead, v_place
    from private.count_claims_before(v_job, v_now) as c
    where c.claims is not null;
  end if;

  if private.is_final(v_job.status) then
    reason := v_job.status;
    sentence := case v_job.status
      when 'completed' then 'The job is completed.'
      when 'failed' then 'The job failed: ' || v_job.error_message
      else 'The job was cancelled.'
    end;
  elsif v_job.cancel_requested_at is not null then
    reason := 'cancelling';
    until := v_job.cancel_requested_at + interval '1 minute';
    sentence := 'The worker was asked to stop. The job will be cancelled '
      || case when until > v_now
        then 'in ' || private.spell_seconds(extract(epoch from until - v_now)) || ' at the latest.'
        else 'now, whatever the worker does.' end;
  elsif v_job.queue_job_id is not null then
    reason := 'external_queue';
    sentence := 'An external queue decides when this job runs.';
  elsif v_job.status = 'processing' and v_job.retry_at is null then
    until := v_job.lease_expires_at;
    if v_now >= v_job.heartbeat_at + (v_job.lease_expires_at - v_job.heartbeat_at) / 2 then
      reason := 'silent';
      sentence := format('No heartbeat from the worker for %s. ',
          private.spell_seconds(extract(epoch from v_now - v_job.heartbeat_at)))
        || case when v_job.attempt < v_job.max_attempts
          then 'Another worker takes the job over'
          else format('All %s attempts are used up: the job fails', v_job.max_attempts) end
        || case
          when until > v_now
            then format(' in %s.', private.spell_seconds(extract(epoch from until - v_now)))
          when v_claims > 0 then format('; %s.', v_place)
          else '.'
        end;
    else
      reason := 'working';
      sentence := format('A worker is on attempt %s of %s.', v_job.attempt, v_job.max_attempts);
      select e.* into eta_p50, eta_p90, eta_basis, eta_samples
      from private.estimate_index_job(v_job, v_now, null) as e;
    end if;
  elsif v_job.retry_at > v_now then
    reason := 'retry_at';
    until := v_job.retry_at;
    sentence := format('Attempt %s of %s may start in %s.', v_job.attempt + 1, v_job.max_attempts,
        private.spell_seconds(extract(epoch from until - v_now)))
      || coalesce(' Last error: ' || v_job.last_error, '');
  else
    select bool_and(r.busy >= r.slots and r.slots is not null) into v_are_busy
    from private.runners as r
    where r.seen_at > v_now - interval '15 seconds';
    if v_are_busy is null then
      reason := 'no_runner';
      sentence := 'Waiting: no worker has been seen for 15 seconds'
        || case when v_claims > 0 then format(', and %s.', v_place) else '.' end;
    else
      reason := case
        when v_claims > 0 then 'in_line' when v_are_busy then 'runners_busy' else 'up_next' end;
      sentence := case reason
        when 'in_line' then format('Waiting: %s.', v_place)
        when 'runners_busy' then 'Next in line: every worker is busy.'
        else 'Next in line: the next free worker will claim it.'
      end;
      select e.* into eta_p50, eta_p90, eta_basis, eta_samples
      from private.estimate_index_job(
        v_job, v_now, case when v_claims <= 1000 then v_claims end) as e;
    end if;
  end if;
  if eta_p50 is not null then
    sentence := sentence || format(' Completed in about %s (p90 %s, from the last %s runs of %s).',
      private.spell_seconds(eta_p50), private.spell_seconds(eta_p90), eta_samples,
      case eta_basis when 'repository' then 'this repository' else 'all repositories' end);
  end if;
  return next;
end;
$$;
comment on function private.explain_any_job(uuid) is
  'Explains the current state of a job to any caller.';
alter function private.explain_any_job(uuid) owner to job_writer;
revoke all on function private.explain_any_job(uuid)
  from public, anon, authenticated, service_role;
grant execute on function private.explain_any_job(uuid) to service_role;
-- end stamp
-- stamp: db/functions/private/explain_index_job.sql
create or replace function private.explain_index_job(p_job_id uuid)
returns table (
  reason text, sentence text, "position" integer, own_ahead integer, until timestamptz,
  eta_p50 double precision, eta_p90 double precision, eta_basis text, eta_samples integer
)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id uuid := private.current_user_id();
begin
  perform
  from public.index_jobs as j
  where j.id = p_job_id
    and (j.owner_user_id = v_user_id
      or exists (
        select from public.organization_members as m
        where m.organization_id = j.organization_id and m.user_id = v_user_id));
  if not found then
    raise exception 'index job not found' using errcode = 'PT404';
  end if;
  return query select e.* from private.explain_any_job(p_job_id => p_job_id) as e;
end;
$$;
comment on function private.explain_index_job(uuid) is
  'Explains the current state of a job to the signed-in user.';
alter function private.explain_index_job(uuid) owner to job_writer;
revoke all on function private.explain_index_job(uuid)
  from public, anon, authenticated, service_role;
grant execute on function private.explain_index_job(uuid) to authenticated;
-- end stamp
-- stamp: db/functions/private/exposed_functions.sql
create or replace function private.exposed_functions(p_name text default null)
returns table (
  name text, is_volatile boolean, returns_set boolean, returns_void boolean, row_name text,
  argument_names text[], argument_types text[], required_arguments text[], is_granted boolean
)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select
    p.proname,
    p.provolatile = 'v',
    p.proretset,
    p.prorettype = 'void'::regtype,
    case
      when p.proargmodes && '{o,b,t}' or p.prorettype = 'record'::regtype then 'record'
      when t.typtype = 'c' then t.typname
    end,
    a.names,
    a.types,
    a.names[:p.pronargs - p.pronargdefaults],
    has_function_privilege('authenticated', p.oid, 'execute')
  from pg_proc as p
  join pg_type as t on t.oid = p.prorettype
  cross join lateral (
    select
      coalesce(array_agg(coalesce(u.name, '') order by u.place), '{}'),
      coalesce(array_agg(format_type(u.type, null) order by u.place), '{}')
    from unnest(coalesce(p.proallargtypes, p.proargtypes::oid[]), p.proargmodes, p.proargnames)
      with ordinality as u (type, mode, name, place)
    where coalesce(u.mode, 'i') in ('i', 'b')) as a (names, types)
  where p.pronamespace = 'public'::regnamespace
    and (p_name is null or p.proname = p_name::name and p.proname::text = p_name)
    and p.prokind = 'f'
    and p.provariadic = 0
    and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)
    and '' <> all (a.names);
$$;
comment on function private.exposed_functions(text) is
  'Lists the functions of the schema public from the catalogue.';
revoke all on function private.exposed_functions(text)
  from public, anon, authenticated, service_role;
grant execute on function private.exposed_functions(text) to job_tenant;
-- end stamp
-- stamp: db/functions/private/find_organization.sql
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
  if p_organization !~ '^[A-Za-z0-9-]{1,63}$' then
    raise exception 'organization is neither a slug nor an id'
      using errcode = 'PT422', detail = 'invalid_organization', column = 'organization',
        hint = 'Send one of your organizations, or leave it out for your own repositories.';
  end if;
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
  'Returns the id of an organization by its slug or id.';
revoke all on function private.find_organization(text)
  from public, anon, authenticated, service_role;
grant execute on function private.find_organization(text) to job_gateway;
-- end stamp
-- stamp: db/functions/private/fold_job_metrics.sql
create or replace function private.fold_job_metrics(p_most integer default 20000)
returns integer
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_folded integer;
begin
  if not pg_try_advisory_xact_lock(hashtextextended('fold job metrics', 0)) then
    return null;
  end if;
  with taken as (
    delete from private.job_metric_log as l
    where l.ctid = any (array(select t.ctid from private.job_metric_log as t limit p_most))
    returning l.at, l.from_status, l.to_status, l.outcome, l.wait, l.duration
  ),
  counted as (
    insert into private.job_metrics as m
      (from_status, to_status, outcome, wait_le, duration_le, events, wait, duration)
    select
      t.from_status, t.to_status, t.outcome,
      private.metric_bucket(t.wait), private.metric_bucket(t.duration), count(*),
      coalesce(sum(extract(epoch from t.wait)), 0),
      coalesce(sum(extract(epoch from t.duration)), 0)
    from taken as t
    group by
      t.from_status, t.to_status, t.outcome,
      private.metric_bucket(t.wait), private.metric_bucket(t.duration)
    on conflict (from_status, to_status, outcome, wait_le, duration_le) do update
    set events = m.events + excluded.events,
      wait = m.wait + excluded.wait,
      duration = m.duration + excluded.duration
  ),
  ended as (
    insert into private.job_ends as e (minute, completed, failed)
    select
      date_trunc('minute', t.at),
      count(*) filter (where t.to_status = 'completed'),
      count(*) filter (where t.to_status = 'failed')
    from taken as t
    where t.to_status in ('completed', 'failed')
    group by date_trunc('minute', t.at)
    on conflict (minute) do update
    set completed = e.completed + excluded.completed, failed = e.failed + excluded.failed
  )
  select count(*) into v_folded from taken;
  delete from private.job_ends as e where e.minute <= private.clock() - interval '1 hour';
  return v_folded;
end;
$$;
comment on function private.fold_job_metrics(integer) is 'Adds logged metrics to the counters.';
revoke all on function private.fold_job_metrics(integer)
  from public, anon, authenticated, service_role;
grant execute on function private.fold_job_metrics(integer) to job_writer;
-- end stamp
-- stamp: db/functions/private/forget_future.sql
create or replace function private.forget_future()
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := private.clock();
  v_ahead timestamptz := v_now + interval '1 second';
begin
  update public.index_jobs as j
  set heartbeat_at = v_now,
    lease_expires_at = v_now + (j.lease_expires_at - j.heartbeat_at)
  where j.id = any (array(
    select f.id
    from public.index_jobs as f
    where f.status = 'processing' and f.heartbeat_at > v_ahead
    order by f.id
    for no key update skip locked));
  update public.index_jobs as j
  set retry_at = v_now + (j.retry_at - j.updated_at),
    version = j.version + 1
  where j.id = any (array(
    select f.id
    from public.index_jobs as f
    where f.status = 'processing' and f.updated_at > v_ahead and f.retry_at >= f.updated_at
    order by f.id
    for no key update skip locked));
  delete from private.runners as r
  where r.worker_id in (
    select s.worker_id from private.runners as s where s.seen_at > v_ahead for update skip locked);
end;
$$;
comment on function private.forget_future() is 'Corrects times that the clock has not reached yet.';
revoke all on function private.forget_future() from public, anon, authenticated, service_role;
grant execute on function private.forget_future() to job_writer;
-- end stamp
-- stamp: db/functions/private/insert_index_job.sql
create or replace function private.insert_index_job(
  p_repository_id uuid,
  p_ref text,
  p_commit_sha text,
  p_idempotency_key text,
  p_created_by uuid
)
returns uuid
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_ref text := coalesce(p_ref, 'HEAD');
  v_commit_sha text := lower(p_commit_sha);
  v_request_hash text;
  v_now timestamptz;
  v_job_id uuid;
  v_key private.idempotency_keys;
begin
  if v_ref <> 'HEAD' and not private.is_git_ref(v_ref) then
    raise exception 'ref is not a name that git accepts, or has more than 255 characters'
      using errcode = 'PT422', detail = 'invalid_ref', column = 'ref',
        hint = 'Send a branch, a tag, HEAD or a commit; leave it out for the default branch.';
  end if;
  if v_commit_sha is not null and not private.is_commit_sha(v_commit_sha) then
    raise exception 'commit_sha must have 40 hexadecimal digits'
      using errcode = 'PT422', detail = 'invalid_commit_sha', column = 'commit_sha',
        hint = 'Send what git rev-parse prints, or leave it out for the newest commit.';
  end if;
  if p_idempotency_key is not null then
    if p_idempotency_key !~ '^[\x21-\x7e]{1,255}$' then
      raise exception 'idempotency_key is not 1 to 255 visible ASCII characters'
        using errcode = 'PT422', detail = 'invalid_idempotency_key', column = 'idempotency_key',
          hint = 'Pass a UUID, for example.';
    end if;
    v_request_hash := encode(sha256(convert_to(
      jsonb_build_array(p_repository_id, v_ref, v_commit_sha)::text, 'UTF8')), 'hex');
  end if;

  loop
    v_job_id := private.uuid_v7();
    exit when p_idempotency_key is null;
    insert into private.idempotency_keys (key, user_id, request_hash, job_id)
    values (p_idempotency_key, p_created_by, v_request_hash, v_job_id)
    on conflict do nothing;
    exit when found;

    select k.* into v_key
    from private.idempotency_keys as k
    where k.key = p_idempotency_key and k.user_id is not distinct from p_created_by;
    if found and v_key.request_hash <> v_request_hash then
      raise exception 'idempotency_key was used for another request'
        using errcode = 'PT422', detail = 'idempotency_key_reused', column = 'idempotency_key',
          hint = 'Use a new key for a new request.';
    end if;
    if found then
      return v_key.job_id;
    end if;
  end loop;

  v_now := private.clock();
  insert into public.index_jobs (
    id, repository_id, repository, owner_user_id, organization_id, created_by, ref, commit_sha,
    created_at, updated_at)
  select
    v_job_id, r.id, r.full_name, r.owner_user_id, r.organization_id, p_created_by, v_ref,
    v_commit_sha, v_now, v_now
  from public.repositories as r
  where r.id = p_repository_id;
  if not found then
    raise exception 'repository not found' using errcode = 'PT404';
  end if;
  return v_job_id;
end;
$$;
comment on function private.insert_index_job(uuid, text, text, text, uuid) is
  'Creates a pending index job, once per idempotency key.';
alter function private.insert_index_job(uuid, text, text, text, uuid) owner to job_writer;
revoke all on function private.insert_index_job(uuid, text, text, text, uuid)
  from public, anon, authenticated, service_role;
grant execute on function private.insert_index_job(uuid, text, text, text, uuid)
  to service_role, job_writer;
-- end stamp
-- stamp: db/functions/private/is_banned.sql
create or replace function private.is_banned(p_user_id uuid)
returns boolean
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (
    select
    from auth.users as u
    where u.id = p_user_id
      and (u.deleted_at is not null or u.banned_until > private.clock()));
exception when undefined_column then
  return false;
end;
$$;
comment on function private.is_banned(uuid) is 'Returns whether a user is banned or deleted.';
revoke all on function private.is_banned(uuid) from public, anon, authenticated, service_role;
grant execute on function private.is_banned(uuid) to job_gateway;
-- end stamp
-- stamp: db/functions/private/is_commit_sha.sql
create or replace function private.is_commit_sha(p_commit_sha text)
returns boolean
language sql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select p_commit_sha ~ '^[0-9A-Fa-f]{40}$';
$$;
comment on function private.is_commit_sha(text) is 'Whether the text is a full commit id.';
revoke all on function private.is_commit_sha(text) from public, anon, authenticated, service_role;
grant execute on function private.is_commit_sha(text) to job_writer;
-- end stamp
-- stamp: db/functions/private/is_final.sql
create or replace function private.is_final(p_status public.job_status)
returns boolean
language sql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select p_status in ('completed', 'failed', 'cancelled');
$$;
comment on function private.is_final(public.job_status) is 'Whether the status is final.';
revoke all on function private.is_final(public.job_status)
  from public, anon, authenticated, service_role;
grant execute on function private.is_final(public.job_status)
  to authenticated, service_role, job_writer, job_gateway;
-- end stamp
-- stamp: db/functions/private/is_git_ref.sql
create or replace function private.is_git_ref(p_ref text)
returns boolean
language sql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select length(p_ref) between 1 and 255
    and p_ref !~ '[\u0001-\u0020\u007f~^:?*\[\\]'
    and p_ref !~ '[\u0080-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]'
    and p_ref !~ '(\.\.|@\{|//)'
    and p_ref !~ '(^|/)[.]'
    and p_ref !~ '[.]lock(/|$)'
    and p_ref !~ '^[-/]'
    and p_ref !~ '[/.]$'
    and p_ref <> '@';
$$;
comment on function private.is_git_ref(text) is
  'Whether the text can name a git branch, tag or commit.';
revoke all on function private.is_git_ref(text) from public, anon, authenticated, service_role;
grant execute on function private.is_git_ref(text) to job_writer;
-- end stamp
-- stamp: db/functions/private/is_git_url.sql
create or replace function private.is_git_url(p_git_url text)
returns boolean
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_ipv4 constant text := '(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])'
    '([.](25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])){3}';
  v_host text;
begin
  if p_git_url is null then
    return null;
  end if;
  if length(p_git_url) > 2048
    or p_git_url ~ '[\u0001-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\\]'
  then
    return false;
  end if;
  if p_git_url !~* '^https?:' then
    return p_git_url ~ '^/[^ ]'
      or (p_git_url ~* '^file://(localhost)?/[^ ?#][^?#]*$'
        and p_git_url !~* '%([01][0-9a-f]|7f)');
  end if;
  v_host := lower(substring(p_git_url
    from '^[A-Za-z]+://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\][.]?)(?::[1-9][0-9]{0,4})?/'));
  if v_host is null
    or p_git_url !~* '^[^/]+//[^/]+/+[a-z0-9._~!$&''()*+,;=:@%-][a-z0-9._~!$&''()*+,;=:@%/-]*$'
    or p_git_url ~ '://([^/]*|.*:.*)@'
    or p_git_url ~* '(/|%2f)([.]|%2e){2}(/|%2f|$)'
    or p_git_url ~* '%([01][0-9a-f]|7f)'
    or substring(p_git_url from '^[^/]+//[^/]*[^/:]:([0-9]+)/')::integer > 65535
  then
    return false;
  end if;
  v_host := regexp_replace(v_host, '[.]$', '');
  if v_host ~ '^\[' then
    return (v_host !~ '[.]' or v_host ~ (':' || v_ipv4 || ']$'))
      and family(btrim(v_host, '[]')::inet) = 6;
  end if;
  if v_host ~ '(^|[.])([0-9]+|0x[0-9a-f]*)$' then
    return v_host ~ ('^' || v_ipv4 || '$');
  end if;
  return v_host ~ '^[a-z0-9]([a-z0-9-]*[a-z0-9])?([.][a-z0-9]([a-z0-9-]*[a-z0-9])?)*$';
exception
  when invalid_text_representation then  -- in brackets, but not an address
    return false;
end;
$$;
comment on function private.is_git_url(text) is
  'Whether a text is an address to clone from, without credentials.';
revoke all on function private.is_git_url(text) from public, anon, authenticated, service_role;
grant execute on function private.is_git_url(text)
  to authenticated, service_role, job_gateway, job_writer;
-- end stamp
-- stamp: db/functions/private/is_repository_name.sql
create or replace function private.is_repository_name(p_name text)
returns boolean
language sql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select length(p_name) <= 255
    and '/' || p_name ~ '^(/(?!-)([A-Za-z0-9._~+-]|%[0-9A-Fa-f]{2})+){2,8}$'
    and p_name !~ '(^|/)[.]{1,2}(/|$)';
$$;
comment on function private.is_repository_name(text) is
  'Whether the text can be the full name of a repository.';
revoke all on function private.is_repository_name(text)
  from public, anon, authenticated, service_role;
grant execute on function private.is_repository_name(text)
  to authenticated, service_role, job_gateway, job_writer;
-- end stamp
-- stamp: db/functions/private/normal_git_url.sql
create or replace function private.normal_git_url(p_git_url text)
returns text
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_parts text[];
  v_host text;
  v_port text;
  v_path text;
begin
  if private.is_git_url(p_git_url) is not true then
    return p_git_url;
  end if;
  v_parts := regexp_match(
    regexp_replace(p_git_url, '^/', 'file:///'), '^([A-Za-z]+://)([^/]*)(/.*)$');
  v_path := v_parts[3];
  if starts_with(p_git_url, '/') then
    v_path := replace(v_path, '%', '%25');
  end if;
  if v_path ~ '[^A-Za-z0-9._~+/-]' then
    select string_agg(
      case
        when t.token ~* '^%(2[bde]|3[0-9]|4[1-9a-f]|5[0-9af]|6[1-9a-f]|7[0-9ae])$'
          then convert_from(decode(substr(t.token, 2), 'hex'), 'UTF8')
        when t.token ~ '^%..$' then upper(t.token)
        when t.token ~ '^[A-Za-z0-9._~+/-]$' then t.token
        else regexp_replace(
          upper(encode(convert_to(t.token, 'UTF8'), 'hex')), '(..)', '%\1', 'g')
      end, '' order by t.n)
    into v_path
    from (
      select m.parts[1], m.n
      from regexp_matches(v_path, '%[0-9A-Fa-f]{2}|.', 'g') with ordinality as m (parts, n)
    ) as t (token, n);
  end if;
  v_path := regexp_replace(v_path, '/([.]?/)+', '/', 'g');
  v_path := regexp_replace(v_path, '([^/])/[.]?$', '\1');

  if lower(v_parts[1]) = 'file://' then
    return 'file://' || v_path;
  end if;
  v_host := lower(substring(v_parts[2] from '^(?:\[.*\]|[^:]*[^:.])'));
  v_port := coalesce(substring(v_parts[2] from ':[0-9]+$'), '');
  if v_port = (case lower(v_parts[1]) when 'https://' then ':443' else ':80' end) then
    v_port := '';
  end if;
  if v_host ~ '^\[' then
    v_host := '[' || host(btrim(v_host, '[]')::inet) || ']';
  elsif v_port = '' then
    v_host := regexp_replace(v_host, '^www[.](github[.]com|gitlab[.]com|bitbucket[.]org)$', '\1');
  end if;
  return lower(v_parts[1]) || v_host || v_port || v_path;
end;
$$;
comment on function private.normal_git_url(text) is
  'Returns the normal spelling of a repository''s address.';
revoke all on function private.normal_git_url(text)
  from public, anon, authenticated, service_role;
grant execute on function private.normal_git_url(text) to authenticated, job_gateway, job_writer;
-- end stamp
-- stamp: db/functions/private/is_same_git_url.sql
create or replace function private.is_same_git_url(p_git_url text, p_other text)
returns boolean
language sql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select regexp_replace(private.normal_git_url(p_git_url), '^(http.*[^/])[.]git$', '\1')
    = regexp_replace(private.normal_git_url(p_other), '^(http.*[^/])[.]git$', '\1');
$$;
comment on function private.is_same_git_url(text, text) is
  'Whether two addresses belong to one repository.';
revoke all on function private.is_same_git_url(text, text)
  from public, anon, authenticated, service_role;
grant execute on function private.is_same_git_url(text, text) to authenticated, job_writer;
-- end stamp
-- stamp: db/functions/private/job_attempts.sql
create or replace function private.job_attempts(p_job_id uuid)
returns table (
  attempt integer, worker_id uuid, started_at timestamptz, ended_at timestamptz, outcome text,
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
      when e.attempt = s.attempt and e.detail ? 'handed_back' then 'handed_back'
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
revoke all on function private.job_attempts(uuid) from public, anon, authenticated, service_role;
grant execute on function private.job_attempts(uuid) to job_gateway;
-- end stamp
-- stamp: db/functions/private/job_transitions.sql
create or replace function private.job_transitions()
returns table (from_status public.job_status, to_status public.job_status)
language sql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  values
    ('pending'::public.job_status, 'processing'::public.job_status),
    ('pending', 'failed'),
    ('pending', 'cancelled'),
    ('processing', 'completed'),
    ('processing', 'failed'),
    ('processing', 'cancelled');
$$;
comment on function private.job_transitions() is
  'Every move from one status to another that a job may make.';
revoke all on function private.job_transitions() from public, anon, authenticated, service_role;
grant execute on function private.job_transitions() to job_writer;
-- end stamp
-- stamp: db/functions/private/metric_bucket.sql
create or replace function private.metric_bucket(p_time interval)
returns double precision
language plpgsql
immutable
strict
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  return case
    when p_time <= interval '1 second' then 1
    when p_time <= interval '2 seconds' then 2
    when p_time <= interval '5 seconds' then 5
    when p_time <= interval '10 seconds' then 10
    when p_time <= interval '30 seconds' then 30
    when p_time <= interval '60 seconds' then 60
    when p_time <= interval '120 seconds' then 120
    when p_time <= interval '300 seconds' then 300
    when p_time <= interval '600 seconds' then 600
    when p_time <= interval '1800 seconds' then 1800
    when p_time <= interval '3600 seconds' then 3600
    else double precision 'Infinity'
  end;
end;
$$;
comment on function private.metric_bucket(interval) is
  'Returns the histogram bucket of an interval.';
revoke all on function private.metric_bucket(interval)
  from public, anon, authenticated, service_role;
grant execute on function private.metric_bucket(interval) to job_writer;
-- end stamp
-- stamp: db/functions/private/job_counters.sql
create or replace function private.job_counters()
returns json
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  with counted as materialized (
    select
      m.from_status, m.to_status, m.outcome, m.wait_le, m.duration_le, m.events, m.wait, m.duration
    from private.job_metrics as m
    union all
    select
      l.from_status, l.to_status, l.outcome,
      private.metric_bucket(l.wait), private.metric_bucket(l.duration), count(*),
      coalesce(sum(extract(epoch from l.wait)), 0),
      coalesce(sum(extract(epoch from l.duration)), 0)
    from private.job_metric_log as l
    group by
      l.from_status, l.to_status, l.outcome,
      private.metric_bucket(l.wait), private.metric_bucket(l.duration)
    union all
    select null, 'pending', null, null, null, 0, 0, 0
    union all
    select t.from_status, t.to_status, null, null, null, 0, 0, 0
    from private.job_transitions() as t
  ),
  ended as materialized (
    select e.completed, e.failed
    from private.job_ends as e
    where e.minute > private.clock() - interval '1 hour'
    union all
    select
      count(*) filter (where l.to_status = 'completed'),
      count(*) filter (where l.to_status = 'failed')
    from private.job_metric_log as l
    where l.at > private.clock() - interval '1 hour'
  ),
  moved as materialized (
    select c.from_status, c.to_status, sum(c.events) as jobs
    from counted as c
    where c.from_status is distinct from c.to_status
    group by c.from_status, c.to_status
  )
  select json_build_object(
    'transitions', (
      select json_agg(json_build_array(coalesce(m.from_status::text, 'none'), m.to_status, m.jobs)
        order by m.from_status nulls first, m.to_status)
      from moved as m
      where m.to_status is not null),
    'jobs', (
      select json_object_agg(s.status, (
        select coalesce(sum(case when m.to_status = s.status then m.jobs else -m.jobs end), 0)
        from moved as m
        where s.status in (m.from_status, m.to_status)))
      from unnest(enum_range(null::public.job_status)) as s (status)),
    'attempts', (
      select json_object_agg(o.outcome, (
        select coalesce(sum(c.events), 0) from counted as c where c.outcome = o.outcome))
      from unnest(array['completed', 'failed', 'cancelled', 'retry', 'handed_back', 'lost'])
        as o (outcome)),
    'wait', (
      select json_object_agg(w.wait_le, w.events)
      from (
        select c.wait_le, sum(c.events) as events
        from counted as c
        where c.wait_le is not null
        group by c.wait_le) as w),
    'wait_seconds', (select coalesce(sum(c.wait), 0) from counted as c),
    'duration', (
      select json_object_agg(d.duration_le, d.events)
      from (
        select c.duration_le, sum(c.events) as events
        from counted as c
        where c.duration_le is not null
        group by c.duration_le) as d),
    'duration_seconds', (select coalesce(sum(c.duration), 0) from counted as c),
    'failure_rate', (
      select coalesce(sum(e.failed) / nullif(sum(e.completed + e.failed), 0), 0)
      from ended as e));
$$;
comment on function private.job_counters() is 'Returns the counters of the metrics, as JSON.';
revoke all on function private.job_counters() from public, anon, authenticated, service_role;
grant execute on function private.job_counters() to job_writer;
-- end stamp
-- stamp: db/functions/private/job_gauges.sql
create or replace function private.job_gauges()
returns json
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := private.clock();
begin
  return json_build_object(
    'oldest_claimable', extract(epoch from private.oldest_claimable()),
    'oldest_processing', (
      select extract(epoch from min(j.started_at))
      from public.index_jobs as j
      where j.status = 'processing'),
    'stuck', (
      select json_build_object(
        'cancel_overdue', count(*) filter (where s.kind = 'cancel_overdue'),
        'lease_expired', count(*) filter (where s.kind = 'lease_expired'),
        'retry_overdue', count(*) filter (where s.kind = 'retry_overdue'),
        'silent', count(*) filter (where s.kind = 'silent'))
      from private.stuck_jobs('30 minutes', true) as s),
    'runners', (
      select json_build_object(
        'alive', count(*) filter (where r.seen_at > v_now - interval '15 seconds'),
        'gone', count(*) filter (where r.seen_at <= v_now - interval '15 seconds'))
      from private.runners as r
      where r.seen_at > v_now - interval '1 hour'),
    'slots', (
      select json_build_object(
        'busy', coalesce(sum(r.busy), 0), 'free', coalesce(sum(r.slots - r.busy), 0))
      from private.runners as r
      where r.seen_at > v_now - interval '15 seconds'),
    'table_bytes', json_build_object(
      'index_jobs', pg_total_relation_size('public.index_jobs'),
      'index_job_events', pg_total_relation_size('public.index_job_events')));
end;
$$;
comment on function private.job_gauges() is 'Returns the gauges of the metrics, as JSON.';
revoke all on function private.job_gauges() from public, anon, authenticated, service_role;
grant execute on function private.job_gauges() to job_writer;
-- end stamp
-- stamp: db/functions/private/list_api_keys.sql
create or replace function private.list_api_keys()
returns table (
  key_id text, name text, enabled boolean, created_at timestamptz, expires_at timestamptz,
  last_used_at timestamptz
)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  select k.id, k.name, k.enabled, k.created_at, k.expires_at, k.last_used_at
  from private.api_keys as k
  where k.user_id = private.current_user_id()
  order by k.created_at desc, k.id;
end;
$$;
comment on function private.list_api_keys() is 'Lists the API keys of the signed-in user.';
alter function private.list_api_keys() owner to job_gateway;
revoke all on function private.list_api_keys() from public, anon, authenticated, service_role;
grant execute on function private.list_api_keys() to authenticated;
-- end stamp
-- stamp: db/functions/private/list_queue_jobs.sql
create or replace function private.list_queue_jobs(p_job_ids uuid[])
returns table (
  job_id uuid, status public.job_status, is_linked boolean, is_held boolean, is_waiting boolean,
  queue_attempt integer, tenant_id uuid, payload jsonb
)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  select
    j.id, j.status, j.queue_job_id is not null,
    j.worker_id is not null and j.retry_at is null and j.status = 'processing',
    j.retry_at is not null, a.queue_attempt, j.tenant_id,
    jsonb_build_object(
      'indexJobId', j.id, 'repositoryId', j.repository_id, 'commitSha', j.commit_sha)
  from public.index_jobs as j
  left join private.queue_attempts as a on a.job_id = j.id
  where (j.queue_job_id is null or j.queue_job_id = j.id)
    and (j.id = any (p_job_ids)
      or j.status = 'pending'
      or j.status = 'processing' and j.queue_job_id is not null);
$$;
comment on function private.list_queue_jobs(uuid[]) is
  'Lists the index jobs that a bridge compares with its queue.';
alter function private.list_queue_jobs(uuid[]) owner to job_writer;
revoke all on function private.list_queue_jobs(uuid[])
  from public, anon, authenticated, service_role;
-- end stamp
-- stamp: db/functions/private/lock_index_job.sql
create or replace function private.lock_index_job(p_job_id uuid)
returns public.index_jobs
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_job public.index_jobs;
begin
  select j.* into v_job from public.index_jobs as j where j.id = p_job_id for no key update;
  if not found then
    raise exception 'index job not found' using errcode = 'PT404';
  end if;
  return v_job;
end;
$$;
comment on function private.lock_index_job(uuid) is 'Locks and returns one index job.';
revoke all on function private.lock_index_job(uuid) from public, anon, authenticated, service_role;
grant execute on function private.lock_index_job(uuid) to job_writer;
-- end stamp
-- stamp: db/functions/private/lock_next_job.sql
create or replace function private.lock_next_job(p_except uuid[])
returns public.index_jobs
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_sort = off
set enable_incremental_sort = off
as $$
declare
  v_now timestamptz := private.clock();
  v_second bigint := floor(extract(epoch from v_now));
  v_lapsed uuid[] := '{}';
  v_due uuid[];
  v_tried uuid[] := p_except;
  v_met boolean := false;
  v_is_second boolean := false;
  v_tenant_id uuid;
  v_job public.index_jobs;
begin
  if (select c.last_value from private.claim_lease_check as c) <> v_second then
    v_lapsed := array(
      select distinct on (j.tenant_id) j.tenant_id
      from public.index_jobs as j
      where j.status = 'processing' and j.retry_at is null and j.queue_job_id is null
        and j.lease_expires_at <= v_now
      order by j.tenant_id, j.queue_job_id, j.retry_at, j.id);
    if v_lapsed = '{}' then
      perform setval('private.claim_lease_check', v_second);
    end if;
  end if;
  v_due := array(
    select j.tenant_id
    from public.index_jobs as j
    where j.retry_at <= v_now and j.queue_job_id is null
    order by j.retry_at, j.tenant_id
    limit 100);

  loop
    select t.tenant_id into v_tenant_id
    from private.order_waiting_tenants(
      v_now, v_lapsed || v_due, cardinality(v_due) = 100, v_tried) as t
    limit 1;
    if not found then
      exit when v_is_second or not v_met;
      v_is_second := true;
      v_tried := p_except;
      continue;
    end if;
    v_tried := v_tried || v_tenant_id;
    if not v_is_second
      and not pg_try_advisory_xact_lock(hashtextextended('claim ' || v_tenant_id, 0))
    then
      v_met := true;
      continue;
    end if;
    perform
      setval('private.claim_cursor_high', ('x' || left(t.hex, 16))::bit(64)::bigint),
      setval('private.claim_cursor_low', ('x' || right(t.hex, 16))::bit(64)::bigint)
    from (select replace(v_tenant_id::text, '-', '')) as t (hex);
    loop
      v_job := coalesce(
        (select j
        from public.index_jobs as j
        where v_tenant_id = any (v_lapsed)
          and j.status = 'processing' and j.retry_at is null and j.queue_job_id is null
          and j.tenant_id >= v_tenant_id and j.tenant_id <= v_tenant_id
          and j.lease_expires_at <= v_now
        order by j.tenant_id, j.queue_job_id, j.retry_at, j.id
        limit 1
        for no key update skip locked),
        (select j
        from public.index_jobs as j
        where j.status = 'processing' and j.retry_at <= v_now and j.queue_job_id is null
          and j.tenant_id >= v_tenant_id and j.tenant_id <= v_tenant_id
        order by j.tenant_id, j.queue_job_id, j.retry_at, j.id
        limit 1
        for no key update skip locked),
        (select j
        from public.index_jobs as j
        where j.status = 'pending' and j.queue_job_id is null
          and j.tenant_id >= v_tenant_id and j.tenant_id <= v_tenant_id
        order by j.tenant_id, j.created_at, j.id
        limit 1
        for no key update skip locked));
      exit when v_job.id is null;
      if v_job.cancel_requested_at is null and v_job.attempt < v_job.max_attempts then
        return v_job;
      end if;
      perform
      from private.end_attempt(v_job, greatest(private.clock(), v_job.updated_at), null, true);
    end loop;
  end loop;
  return null;
end;
$$;
comment on function private.lock_next_job(uuid[]) is
  'Locks the next index job to start, tenants in turn.';
revoke all on function private.lock_next_job(uuid[]) from public, anon, authenticated, service_role;
grant execute on function private.lock_next_job(uuid[]) to job_writer;
-- end stamp
-- stamp: db/functions/private/lock_repository_of_job.sql
create or replace function private.lock_repository_of_job(p_job_id uuid, p_attempt integer)
returns public.index_jobs
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_job public.index_jobs;
  v_silence interval;
begin
  perform
  from public.repositories as r
  join public.index_jobs as j on j.repository_id = r.id
  where j.id = p_job_id
  for no key update of r;
  -- a separate statement, which sees what was committed while the first one waited
  select j.* into v_job from public.index_jobs as j where j.id = p_job_id;
  if not found then
    raise exception 'index job not found' using errcode = 'PT404';
  end if;
  perform private.check_attempt(v_job, p_attempt);
  if v_job.status not in ('processing', 'completed') then
    raise exception 'the job is %', v_job.status
      using errcode = 'PT409', detail = 'not_processing', column = 'job_id',
        hint = 'Stop working on the job.';
  end if;

  v_silence := greatest(
    interval '5 seconds',
    coalesce(v_job.lease_expires_at - v_job.heartbeat_at, interval '1 minute'));
  perform
    set_config('idle_in_transaction_session_timeout',
      (1000 * extract(epoch from v_silence))::bigint::text, true),
    set_config('tcp_keepalives_idle', '10', true),
    set_config('tcp_keepalives_interval', '5', true),
    set_config('tcp_keepalives_count', '3', true);
  return v_job;
end;
$$;
comment on function private.lock_repository_of_job(uuid, integer) is
  'Locks the repository of a job, and limits how long its worker may be silent.';
revoke all on function private.lock_repository_of_job(uuid, integer)
  from public, anon, authenticated, service_role;
grant execute on function private.lock_repository_of_job(uuid, integer) to job_writer;
-- end stamp
-- stamp: db/functions/private/mirror_queue_state.sql
create or replace function private.mirror_queue_state(
  p_job_id uuid,
  p_state text,
  p_queue_attempt integer,
  p_error text,
  p_stats jsonb,
  p_retry_at timestamptz
)
returns public.job_status
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_error text := nullif(private.clean_error(p_error), '');
  v_job public.index_jobs;
  v_now timestamptz;
begin
  select j.* into v_job
  from public.index_jobs as j
  where j.id = p_job_id and j.queue_job_id = p_job_id
  for no key update;
  if not found or private.is_final(v_job.status) then
    return v_job.status;
  end if;
  v_now := greatest(private.clock(), v_job.updated_at);

  if p_state in ('active', 'retry', 'completed', 'failed') and p_queue_attempt > coalesce((
    select a.queue_attempt from private.queue_attempts as a where a.job_id = v_job.id), -1)
  then
    select j.* into v_job
    from private.start_queue_attempt(v_job, v_now, p_queue_attempt, null, null) as j;
  end if;

  if p_state = 'retry' and v_job.status = 'processing' and v_job.retry_at is null then
    select j.* into v_job
    from private.end_attempt(v_job, v_now, v_error, true, p_retry_at) as j;
  elsif p_state = 'completed' and v_job.status = 'processing' and v_job.retry_at is null then
    select j.* into v_job
    from public.update_job_status(
      p_job_id => p_job_id, p_status => 'completed', p_attempt => v_job.attempt,
      p_metadata => case
        when jsonb_typeof(p_stats) = 'object' and octet_length(p_stats::text) <= 16384
          then jsonb_build_object('stats', p_stats)
        else '{}'
      end) as j;
  elsif p_state in ('completed', 'failed') then
    select j.* into v_job
    from private.end_attempt(
      v_job, v_now,
      coalesce(v_error, v_job.last_error, case v_job.status
        when 'pending' then 'the queue ended the job without running it' end),
      false) as j;
  elsif p_state = 'cancelled' then
    v_job.cancel_requested_at := v_now;
    select j.* into v_job from private.end_attempt(v_job, v_now, null, true) as j;
  end if;
  return v_job.status;
end;
$$;
comment on function private.mirror_queue_state(uuid, text, integer, text, jsonb, timestamptz) is
  'Moves an index job to the state of its row in the queue.';
alter function private.mirror_queue_state(uuid, text, integer, text, jsonb, timestamptz)
  owner to job_writer;
revoke all on function private.mirror_queue_state(uuid, text, integer, text, jsonb, timestamptz)
  from public, anon, authenticated, service_role;
-- end stamp
-- stamp: db/functions/private/oldest_claimable.sql
create or replace function private.oldest_claimable()
returns timestamptz
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_sort = off
set enable_incremental_sort = off
as $$
declare
  v_now timestamptz := private.clock();
  v_pending timestamptz;
begin
  with recursive first (tenant_id, created_at, place) as (
    select f.tenant_id, f.created_at, 1
    from (
      select j.tenant_id, j.created_at
      from public.index_jobs as j
      where j.status = 'pending' and j.queue_job_id is null
      order by j.tenant_id, j.created_at, j.id
      limit 1) as f
    union all
    select n.tenant_id, n.created_at, f.place + 1
    from first as f
    cross join lateral (
      select j.tenant_id, j.created_at
      from public.index_jobs as j
      where j.status = 'pending' and j.queue_job_id is null and j.tenant_id > f.tenant_id
      order by j.tenant_id, j.created_at, j.id
      limit 1) as n
    where f.place < 10000
  )
  select min(f.created_at) into v_pending from first as f;
  return least(
    v_pending,
    (select j.retry_at
    from public.index_jobs as j
    where j.retry_at <= v_now and j.queue_job_id is null
    order by j.retry_at, j.tenant_id
    limit 1),
    (select min(j.lease_expires_at)
    from public.index_jobs as j
    where j.status = 'processing' and j.queue_job_id is null and j.retry_at is null
      and j.lease_expires_at <= v_now));
end;
$$;
comment on function private.oldest_claimable() is
  'Returns when the longest-waiting claimable job became claimable.';
revoke all on function private.oldest_claimable() from public, anon, authenticated, service_role;
grant execute on function private.oldest_claimable() to job_writer;
-- end stamp
-- stamp: db/functions/private/order_waiting_tenants.sql
create or replace function private.order_waiting_tenants(
  p_now timestamptz,
  p_ready uuid[],
  p_is_more_due boolean,
  p_except uuid[],
  p_window integer default 16,
  p_past_idle boolean default false
)
returns table (tenant_id uuid, held integer)
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  with recursive served (id) as (
    select (lpad(to_hex(h.last_value), 16, '0') || lpad(to_hex(l.last_value), 16, '0'))::uuid
    from private.claim_cursor_high as h
    cross join private.claim_cursor_low as l
  ),
  walk (looked_at, tenant_id, is_round, held) as (
    select 0, c.id, false, null::integer from served as c
    union all
    select
      w.looked_at + (h.held is not null)::integer,
      coalesce(n.id, '00000000-0000-0000-0000-000000000000'),  -- where the circle starts
      w.is_round or n.id is null,
      h.held
    from walk as w
    cross join served as c
    cross join lateral (
      select least(
        (select j.tenant_id
        from public.index_jobs as j
        where j.status = 'pending' and j.queue_job_id is null and j.tenant_id > w.tenant_id
        order by j.tenant_id, j.created_at, j.id
        limit 1),
        (select j.tenant_id
        from public.index_jobs as j
        where p_is_more_due and j.status = 'processing' and j.queue_job_id is null
          and j.tenant_id > w.tenant_id and j.retry_at <= p_now
        order by j.tenant_id, j.queue_job_id, j.retry_at, j.id
        limit 1),
        (select r.id from unnest(p_ready) as r (id) where r.id > w.tenant_id order by r.id limit 1)
      ) as id
      offset 0) as n
    cross join lateral (
      select case when n.id is not null and n.id <> all (p_except)
        then (select count(*)::integer
          from (select
            from public.index_jobs as j
            where j.status = 'processing' and j.retry_at is null and j.queue_job_id is null
              and j.tenant_id >= n.id and j.tenant_id <= n.id and j.lease_expires_at > p_now
            order by j.tenant_id, j.queue_job_id, j.retry_at, j.id
            limit 32) as leased)
        end as held
      offset 0) as h
    where w.looked_at < p_window
      and (p_past_idle or w.held is distinct from 0)
      and (not w.is_round or n.id <= c.id)
  )
  select w.tenant_id, w.held
  from walk as w
  where w.held is not null
  order by w.held, w.is_round, w.tenant_id;
end;
$$;
comment on function
  private.order_waiting_tenants(timestamptz, uuid[], boolean, uuid[], integer, boolean) is
  'Returns the tenants whose turn it is, in order.';
revoke all on function
  private.order_waiting_tenants(timestamptz, uuid[], boolean, uuid[], integer, boolean)
  from public, anon, authenticated, service_role;
grant execute on function
  private.order_waiting_tenants(timestamptz, uuid[], boolean, uuid[], integer, boolean)
  to job_writer;
-- end stamp
-- stamp: db/functions/private/parse_cursor.sql
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
  if p_cursor ~ ('^[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}([.][0-9]{1,6})?'
    '(Z|[+-][0-9]{2}(:[0-9]{2})?)'
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
  raise exception 'cursor is not valid'
    using errcode = 'PT422', detail = 'invalid_cursor', column = 'cursor',
      hint = 'Pass created_at,id of the last job of the previous page, or nothing for the first.';
end;
$$;
comment on function private.parse_cursor(text) is
  'Returns the position in a list of jobs that a cursor names.';
revoke all on function private.parse_cursor(text) from public, anon, authenticated, service_role;
grant execute on function private.parse_cursor(text) to authenticated, service_role;
-- end stamp
-- stamp: db/functions/private/parse_repository.sql
create or replace function private.parse_repository(
  p_repository text,
  p_git_base_url text,
  p_local_url text
)
returns table (full_name text, git_url text)
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_is_url boolean := p_local_url is null and strpos(p_repository, '://') > 0;
  v_repository text;
  v_base text := regexp_replace(private.normal_git_url(p_git_base_url || 'x'), 'x$', '');
begin
  if p_repository is null then
    raise exception 'repository is missing'
      using errcode = 'PT422', detail = 'missing_repository', column = 'repository',
        hint = 'Send owner/name, or the https URL of a git repository.';
  end if;
  if p_local_url not like 'file://%' or not private.is_git_url(p_local_url) then
    raise exception 'localPath is too long, or not a folder'
      using errcode = 'PT422', detail = 'invalid_local_path', column = 'localPath',
        hint = 'Send a folder with a shorter path.';
  end if;
  if p_local_url is not null and p_repository ~ '^[^/]+/[^/]+$' then
    full_name := p_repository;
    git_url := private.normal_git_url(p_local_url);
  elsif v_is_url and p_repository ~* '^https:' and private.is_git_url(p_repository)
    or p_repository ~ '^[^/]+/[^/]+$' and private.is_repository_name(p_repository)
  then
    git_url := private.normal_git_url(
      case when v_is_url then p_repository else p_git_base_url || p_repository end);
    v_repository := coalesce(
      substring(git_url
        from '^(https://(?:github[.]com|bitbucket[.]org|codeberg[.]org)/[^/]+/[^/]+)/'),
      substring(git_url from '^(https://[^/]+/.+?)/-(?:/|$)'),
      substring(git_url from '^(https://[^/]+/[^/]+/.*?[^/])'
        '/(?:tree|blob|blame|raw|commits?|src/(?:branch|commit|tag))/'));
    if v_is_url and v_repository is not null then
      raise exception 'repository is the address of a page of a repository'
        using errcode = 'PT422', detail = 'invalid_repository', column = 'repository',
          hint = format('Send %s, and a branch, a tag or a commit as ref.', v_repository);
    end if;
    full_name := regexp_replace(git_url, '[.]git$', '');
    if starts_with(full_name, v_base) and substr(full_name, length(v_base) + 1) ~ '^[^/]+/[^/]+$'
    then
      full_name := substr(full_name, length(v_base) + 1);
      git_url := v_base || full_name || '.git';
    else
      full_name := case when v_is_url
        then regexp_replace(substr(full_name, 9), '^([^/]*):', '\1_') end;
    end if;
  end if;
  if (private.is_repository_name(full_name) and private.is_git_url(git_url)) is not true then
    raise exception '%', case when p_local_url is null
        then 'repository must be owner/name or an https URL'
        else 'repository must be a name such as local/project where a folder is indexed' end
      using errcode = 'PT422', detail = 'invalid_repository', column = 'repository',
        hint = 'Send owner/name, or https://host/path, of letters, digits, ._~+- and %XX.';
  end if;
  return next;
end;
$$;
comment on function private.parse_repository(text, text, text) is
  'Returns the name and address of the repository in a request.';
revoke all on function private.parse_repository(text, text, text)
  from public, anon, authenticated, service_role;
grant execute on function private.parse_repository(text, text, text) to job_gateway;
-- end stamp
-- stamp: db/functions/private/parse_row_cursor.sql
create or replace function private.parse_row_cursor(p_cursor text)
returns table (place text, id bigint)
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_text text;
begin
  if p_cursor is null then
    return query select '', 0::bigint;
    return;
  end if;
  begin
    v_text := convert_from(decode(
      translate(p_cursor, '-_', '+/') || repeat('=', -length(p_cursor) & 3), 'base64'), 'UTF8');
    if v_text ~ '^[0-9]{1,18},' then
      return query
      select substr(v_text, strpos(v_text, ',') + 1), split_part(v_text, ',', 1)::bigint;
      return;
    end if;
  exception when data_exception then
    null;  -- neither base64 nor UTF-8, raised below
  end;
  raise exception 'cursor is not valid'
    using errcode = 'PT422', detail = 'invalid_cursor', column = 'cursor',
      hint = 'Pass the cursor of the last row of the previous page, or nothing for the first page.';
end;
$$;
comment on function private.parse_row_cursor(text) is
  'Returns the row of a list that a cursor names.';
revoke all on function private.parse_row_cursor(text)
  from public, anon, authenticated, service_role;
grant execute on function private.parse_row_cursor(text) to authenticated, service_role;
-- end stamp
-- stamp: db/functions/private/parse_since.sql
create or replace function private.parse_since(p_since text, p_name text default 'since')
returns timestamptz
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_parts text[];
  v_since timestamptz;
begin
  if p_since is null then
    return null;
  end if;
  v_parts := regexp_match(p_since,
    '^([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]'
    '((?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.][0-9]+)?)?)'
    '(?:[Zz]|([+-])([01][0-9]|2[0-3])(?::?([0-5][0-9]))?)$');
  begin
    v_since := (v_parts[1] || ' ' || v_parts[2])::timestamp at time zone 'UTC'
      - case when v_parts[3] = '-' then -1 else 1 end * make_interval(
        hours => coalesce(v_parts[4], '0')::integer, mins => coalesce(v_parts[5], '0')::integer);
  exception when data_exception then
    null;  -- a 30th of February, raised below
  end;
  if v_since >= '0001-01-01 00:00+00' and v_since < '10000-01-01 00:00+00' then
    return v_since;
  end if;
  raise exception '% is not a time with a zone', p_name
    using errcode = 'PT422', detail = 'invalid_since', column = p_name,
      hint = 'Send RFC 3339, such as 2026-01-31T12:00:00Z; write + as %2B in a URL.';
end;
$$;
comment on function private.parse_since(text, text) is 'Parses a time.';
revoke all on function private.parse_since(text, text)
  from public, anon, authenticated, service_role;
grant execute on function private.parse_since(text, text) to job_gateway;
-- end stamp
-- stamp: db/functions/private/parse_status.sql
create or replace function private.parse_status(p_status text)
returns public.job_status
language plpgsql
stable
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
comment on function private.parse_status(text) is 'Parses a status.';
revoke all on function private.parse_status(text) from public, anon, authenticated, service_role;
grant execute on function private.parse_status(text) to authenticated, service_role, job_writer;
-- end stamp
-- stamp: db/functions/private/parse_uuid.sql
create or replace function private.parse_uuid(p_text text)
returns uuid
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_text ~ '^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$' then
    return p_text::uuid;
  end if;
  return null;
end;
$$;
comment on function private.parse_uuid(text) is 'Parses a UUID; null if it is malformed.';
revoke all on function private.parse_uuid(text) from public, anon, authenticated, service_role;
grant execute on function private.parse_uuid(text) to job_gateway, job_writer;
-- end stamp
-- stamp: db/functions/private/parse_worker_id.sql
create or replace function private.parse_worker_id(p_worker_id text)
returns uuid
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_worker_id uuid := private.parse_uuid(p_worker_id);
begin
  if p_worker_id is not null and v_worker_id is null then
    raise exception 'worker_id is not a UUID'
      using errcode = 'PT422', detail = 'invalid_worker_id', column = 'worker_id',
        hint = 'Pass a random UUID, created when the worker starts.';
  end if;
  return v_worker_id;
end;
$$;
comment on function private.parse_worker_id(text) is 'Parses the id of a worker.';
revoke all on function private.parse_worker_id(text) from public, anon, authenticated, service_role;
grant execute on function private.parse_worker_id(text) to job_writer;
-- end stamp
-- stamp: db/functions/private/predict_seconds.sql
create or replace function private.predict_seconds(
  p_seconds double precision[], p_share double precision
)
returns double precision
language sql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select case
    when k.place <= 1 then k.sorted[1]
    when k.place >= k.n
      then k.sorted[k.n] + (k.place - k.n) * (k.sorted[k.n] - k.sorted[1]) / greatest(k.n - 1, 1)
    else k.sorted[floor(k.place)::integer] + (k.place - floor(k.place))
      * (k.sorted[floor(k.place)::integer + 1] - k.sorted[floor(k.place)::integer])
  end
  from (
    select array_agg(s order by s) as sorted, count(*)::integer as n,
      p_share * (count(*) + 1) as place
    from unnest(p_seconds) as s) as k;
$$;
comment on function private.predict_seconds(double precision[], double precision) is
  'Returns a quantile for the next duration, from earlier ones.';
revoke all on function private.predict_seconds(double precision[], double precision)
  from public, anon, authenticated, service_role;
grant execute on function private.predict_seconds(double precision[], double precision)
  to job_writer;
-- end stamp
-- stamp: db/functions/private/read_any_job.sql
create or replace function private.read_any_job(p_job_id uuid)
returns setof public.index_jobs
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  select j.* from public.index_jobs as j where j.id = p_job_id;
$$;
comment on function private.read_any_job(uuid) is 'Reads any index job, for support.';
alter function private.read_any_job(uuid) owner to job_writer;
revoke all on function private.read_any_job(uuid) from public, anon, authenticated, service_role;
grant execute on function private.read_any_job(uuid) to job_gateway;
-- end stamp
-- stamp: db/functions/private/read_indexed_commit.sql
create or replace function private.read_indexed_commit(p_repository_id uuid, p_extractor text)
returns setof public.indexed_commits
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select c.*
  from public.indexed_commits as c
  where c.repository_id = p_repository_id
    and c.extractor = p_extractor
    and c.stats -> 'files_indexed' = to_jsonb((
      select count(*) from public.indexed_files as f where f.repository_id = p_repository_id));
$$;
comment on function private.read_indexed_commit(uuid, text) is
  'Returns the stored commit of a repository, if that extractor made its rows.';
revoke all on function private.read_indexed_commit(uuid, text)
  from public, anon, authenticated, service_role;
grant execute on function private.read_indexed_commit(uuid, text) to job_writer;
-- end stamp
-- stamp: db/functions/private/record_admin_action.sql
create or replace function private.record_admin_action(
  p_claims jsonb,
  p_action text,
  p_job_id uuid,
  p_reason text,
  p_outcome text
)
returns void
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
  insert into private.admin_audit (at, actor, action, job_id, reason, outcome)
  values (
    private.clock(), coalesce(p_claims ->> 'sub', 'service_role'), p_action, p_job_id, p_reason,
    p_outcome);
$$;
comment on function private.record_admin_action(jsonb, text, uuid, text, text) is
  'Records an action of support in the audit.';
alter function private.record_admin_action(jsonb, text, uuid, text, text) owner to job_writer;
revoke all on function private.record_admin_action(jsonb, text, uuid, text, text)
  from public, anon, authenticated, service_role;
grant execute on function private.record_admin_action(jsonb, text, uuid, text, text)
  to job_gateway;
-- end stamp
-- stamp: db/functions/private/record_index_duration.sql
create or replace function private.record_index_duration(p_job public.index_jobs)
returns void
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
  insert into private.index_durations
    (repository_id, commit_sha, bytes, bytes_unchanged, seconds, ended_at)
  select
    p_job.repository_id,
    p_job.commit_sha,
    coalesce(sum(f.bytes), 0),
    coalesce(sum(f.bytes) filter (where f.job_id is distinct from p_job.id), 0),
    extract(epoch from p_job.completed_at - (
      select min(e.at)
      from public.index_job_events as e
      where e.job_id = p_job.id and e.attempt = p_job.attempt)),
    p_job.completed_at
  from public.indexed_files as f
  where f.repository_id = p_job.repository_id;

  delete from private.index_durations as d
  where d.repository_id = p_job.repository_id
    and d.id <= (
      select o.id
      from private.index_durations as o
      where o.repository_id = p_job.repository_id
      order by o.id desc
      offset 20
      limit 1);
$$;
comment on function private.record_index_duration(public.index_jobs) is
  'Stores how long a repository took to index.';
revoke all on function private.record_index_duration(public.index_jobs)
  from public, anon, authenticated, service_role;
grant execute on function private.record_index_duration(public.index_jobs) to job_writer;
-- end stamp
-- stamp: db/functions/private/record_job_event.sql
create or replace function private.record_job_event()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_outcome text;
begin
  if tg_op = 'INSERT' then
    insert into public.index_job_events
      (job_id, event_no, to_status, attempt, at, worker_id, version)
    values (new.id, 1, new.status, new.attempt, new.updated_at, new.worker_id, new.version);
    insert into private.job_metric_log (at, to_status) values (new.updated_at, new.status);
    return null;
  end if;
  insert into public.index_job_events
    (job_id, event_no, from_status, to_status, attempt, at, worker_id, version, detail)
  values (
    new.id,
    coalesce(
      (select max(e.event_no) from public.index_job_events as e where e.job_id = new.id), 0) + 1,
    old.status,
    new.status,
    new.attempt,
    new.updated_at,
    new.worker_id,
    new.version,
    jsonb_strip_nulls(jsonb_build_object(
      'error', case
        when new.status = 'failed' then new.error_message
        when new.last_error is distinct from old.last_error
          or new.retry_at is distinct from old.retry_at and new.retry_at > new.updated_at
          or new.attempt > old.attempt and old.lease_expires_at > old.heartbeat_at
          then new.last_error
      end,
      'retry_at', case when new.retry_at is distinct from old.retry_at then new.retry_at end,
      'handed_back', case
        when old.retry_at is null and new.retry_at = new.updated_at then true
      end,
      'cancel_requested', case
        when old.cancel_requested_at is null and new.cancel_requested_at is not null then true
      end)));

  if old.status = 'processing' and old.retry_at is null then
    v_outcome := case
      when new.status in ('completed', 'cancelled') then new.status::text
      when new.attempt > old.attempt then 'lost'
      when new.retry_at = new.updated_at then 'handed_back'
      when new.status = 'processing' and new.retry_at is null then null
      when new.last_error = 'the worker was lost' then 'lost'
      when new.status = 'failed' then 'failed'
      else 'retry'
    end;
  end if;
  if new.status <> old.status or v_outcome is not null then
    insert into private.job_metric_log (at, from_status, to_status, outcome, wait, duration)
    values (
      new.updated_at, old.status, new.status, v_outcome,
      case when old.started_at is null then new.started_at - new.created_at end,
      new.completed_at - new.started_at);
  end if;
  return null;
end;
$$;
comment on function private.record_job_event() is 'Writes the event of a change to an index job.';
alter function private.record_job_event() owner to job_writer;
revoke all on function private.record_job_event() from public, anon, authenticated, service_role;
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
-- stamp: db/functions/private/refuse_partial_index.sql
create or replace function private.refuse_partial_index()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform
  from public.indexed_commits as c
  where c.repository_id = new.repository_id
    and c.job_id = new.job_id
    and not exists (
      select from public.index_jobs as j where j.id = c.job_id and j.status = 'completed');
  if found then
    raise exception 'the rows are stored without completing their job'
      using errcode = 'PT409', detail = 'index_not_completed', column = 'job_id',
        hint = 'Call complete_index in the transaction that stores the rows.';
  end if;
  return null;
end;
$$;
comment on function private.refuse_partial_index() is
  'Refuses a transaction that stores rows without completing their job.';
alter function private.refuse_partial_index() owner to job_writer;
revoke all on function private.refuse_partial_index()
  from public, anon, authenticated, service_role;
-- a constraint trigger cannot be replaced
drop trigger if exists indexed_commits_refuse_partial_index on public.indexed_commits;
create constraint trigger indexed_commits_refuse_partial_index
  after insert or update of job_id on public.indexed_commits
  deferrable initially deferred
  for each row execute function private.refuse_partial_index();
-- end stamp
-- stamp: db/functions/private/rest_conditions.sql
create or replace function private.rest_conditions(p_alias text, p_filters jsonb)
returns text
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_filter jsonb;
  v_operator text;
  v_condition text;
  v_conditions text := 'true';
begin
  for v_filter in select f.value from jsonb_array_elements(p_filters) as f loop
    v_operator := case v_filter ->> 2
      when 'eq' then '='
      when 'neq' then '<>'
      when 'gt' then '>'
      when 'gte' then '>='
      when 'lt' then '<'
      when 'lte' then '<='
      when 'like' then 'like'
      when 'ilike' then 'ilike'
      when 'match' then '~'
      when 'imatch' then '~*'
      when 'cs' then '@>'
      when 'cd' then '<@'
      when 'ov' then '&&'
    end;
    v_condition := case
      when v_filter ->> 2 = 'in' then format('= any (%L)',
        array(select i.value from jsonb_array_elements_text(v_filter -> 3) as i))
      when v_filter ->> 2 = 'is' and v_filter ->> 3 in ('null', 'true', 'false', 'unknown')
        then 'is ' || (v_filter ->> 3)
      when v_operator is not null then format('%s %L', v_operator, v_filter ->> 3)
    end;
    if v_condition is null then
      raise exception 'the filter % is unknown', v_filter ->> 2 using errcode = '22023';
    end if;
    v_conditions := v_conditions || format(' and %s %I.%I %s',
      case when (v_filter ->> 1)::boolean then 'not' else '' end,
      p_alias, v_filter ->> 0, v_condition);
  end loop;
  return v_conditions;
end;
$$;
comment on function private.rest_conditions(text, jsonb) is
  'Returns the WHERE condition for PostgREST''s filters.';
revoke all on function private.rest_conditions(text, jsonb)
  from public, anon, authenticated, service_role;
grant execute on function private.rest_conditions(text, jsonb) to job_tenant;
-- end stamp
-- stamp: db/functions/private/retry_delay.sql
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
revoke all on function private.retry_delay(integer) from public, anon, authenticated, service_role;
grant execute on function private.retry_delay(integer) to job_writer;
-- end stamp
-- stamp: db/functions/private/revoke_api_key.sql
create or replace function private.revoke_api_key(p_key_id text)
returns table (
  key_id text, name text, enabled boolean, created_at timestamptz, expires_at timestamptz,
  last_used_at timestamptz
)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  update private.api_keys as k
  set enabled = false
  where k.id = p_key_id and k.user_id = private.current_user_id()
  returning k.id, k.name, k.enabled, k.created_at, k.expires_at, k.last_used_at;
  if not found then
    raise exception 'api key not found' using errcode = 'PT404';
  end if;
end;
$$;
comment on function private.revoke_api_key(text) is 'Disables an API key of the signed-in user.';
alter function private.revoke_api_key(text) owner to job_gateway;
revoke all on function private.revoke_api_key(text) from public, anon, authenticated, service_role;
grant execute on function private.revoke_api_key(text) to authenticated;
-- end stamp
-- stamp: db/functions/private/rollout_bucket.sql
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
  'Returns the bucket of a user in a rollout, 0 to 99.';
revoke all on function private.rollout_bucket(uuid) from public, anon, authenticated, service_role;
grant execute on function private.rollout_bucket(uuid) to job_gateway;
-- end stamp
-- stamp: db/functions/private/row_cursor.sql
create or replace function private.row_cursor(p_place text, p_id bigint)
returns text
language sql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select translate(
    encode(convert_to(p_id || ',' || p_place, 'UTF8'), 'base64'), e'+/=\n', '-_');
$$;
comment on function private.row_cursor(text, bigint) is 'Returns the cursor of a row of a list.';
revoke all on function private.row_cursor(text, bigint)
  from public, anon, authenticated, service_role;
grant execute on function private.row_cursor(text, bigint) to authenticated, service_role;
-- end stamp
-- stamp: db/functions/private/see_worker.sql
create or replace function private.see_worker(p_worker_id uuid)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := private.clock();
begin
  perform
  from private.runners as r
  where r.worker_id = p_worker_id and r.seen_at > v_now - interval '5 seconds'
    and r.seen_at <= v_now;
  if not found then
    insert into private.runners as r (worker_id, seen_at)
    values (p_worker_id, v_now)
    on conflict (worker_id) do update set seen_at = excluded.seen_at;
  end if;
end;
$$;
comment on function private.see_worker(uuid) is 'Records that a worker was seen.';
revoke all on function private.see_worker(uuid) from public, anon, authenticated, service_role;
grant execute on function private.see_worker(uuid) to job_writer;
-- end stamp
-- stamp: db/functions/private/set_repository_url.sql
create or replace function private.set_repository_url(p_repository_id uuid, p_git_url text)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id uuid := private.current_user_id();
  v_git_url text := private.normal_git_url(p_git_url);
  v_may boolean;
  v_old text;
begin
  select r.owner_user_id is not null or m.role in ('owner', 'admin'), r.git_url
  into v_may, v_old
  from public.repositories as r
  left join public.organization_members as m
    on m.organization_id = r.organization_id and m.user_id = v_user_id
  where r.id = p_repository_id and (r.owner_user_id = v_user_id or m.user_id is not null)
  for no key update of r;
  if not found then
    raise exception 'repository not found' using errcode = 'PT404';
  end if;
  if v_may is not true then
    raise exception 'a member may not change a repository of the organization'
      using errcode = 'PT403', detail = 'not_allowed', column = 'repository_id',
        hint = 'Ask an owner or admin of the organization.';
  end if;
  if private.is_git_url(v_git_url) is not true then
    raise exception 'git_url is neither an https URL without credentials nor an absolute path'
      using errcode = 'PT422', detail = 'invalid_git_url', column = 'git_url',
        hint = 'Pass a URL such as https://example.org/owner/name.git.';
  end if;

  update public.repositories as r set git_url = v_git_url where r.id = p_repository_id;
  if not private.is_same_git_url(v_git_url, v_old) then
    update public.indexed_commits as c set extractor = '' where c.repository_id = p_repository_id;
  end if;
end;
$$;
comment on function private.set_repository_url(uuid, text) is
  'Corrects the address of a repository for the signed-in user.';
alter function private.set_repository_url(uuid, text) owner to job_writer;
revoke all on function private.set_repository_url(uuid, text)
  from public, anon, authenticated, service_role;
grant execute on function private.set_repository_url(uuid, text) to authenticated;
-- end stamp
-- stamp: db/functions/private/spell_place.sql
create or replace function private.spell_place(p_ahead integer, p_own integer, p_is_exact boolean)
returns text
language sql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select case
      when p_ahead > 1000 and p_is_exact then 'more than 1,000 jobs come first'
      when p_ahead > 1000 then 'more than 1,000 jobs may come first'
      else case when p_is_exact then '' else 'at most ' end
        || p_ahead || case when p_ahead = 1 then ' job comes' else ' jobs come' end || ' first'
    end
    || case
      when p_own = 0 then ''
      when p_own > 1000 then ', more than 1,000 of them yours'
      when p_own = p_ahead and p_own = 1 then ', yours'
      when p_own = p_ahead then ', all of them yours'
      else format(', %s of them yours', p_own)
    end;
$$;
comment on function private.spell_place(integer, integer, boolean) is
  'How many jobs come first, in words.';
revoke all on function private.spell_place(integer, integer, boolean)
  from public, anon, authenticated, service_role;
grant execute on function private.spell_place(integer, integer, boolean) to job_writer;
-- end stamp
-- stamp: db/functions/private/spell_seconds.sql
create or replace function private.spell_seconds(p_seconds double precision)
returns text
language sql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select case
    when p_seconds <= 120 then ceil(p_seconds) || ' s'
    when p_seconds <= 7200 then ceil(p_seconds / 60) || ' min'
    else ceil(p_seconds / 3600) || ' h'
  end;
$$;
comment on function private.spell_seconds(double precision) is 'Returns a duration in words.';
revoke all on function private.spell_seconds(double precision)
  from public, anon, authenticated, service_role;
grant execute on function private.spell_seconds(double precision) to job_writer;
-- end stamp
-- stamp: db/functions/private/start_queue_attempt.sql
create or replace function private.start_queue_attempt(
  p_job public.index_jobs,
  p_now timestamptz,
  p_queue_attempt integer,
  p_worker_id uuid,
  p_lease_expires_at timestamptz
)
returns setof public.index_jobs
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_is_next boolean;
begin
  insert into private.queue_attempts as a (job_id, queue_attempt)
  values (p_job.id, p_queue_attempt)
  on conflict (job_id) do update
  set queue_attempt = excluded.queue_attempt
  where a.queue_attempt < excluded.queue_attempt;
  v_is_next := found;
  return query
  update public.index_jobs as j
  set status = 'processing',
    attempt = j.attempt + v_is_next::integer,
    worker_id = p_worker_id,
    progress = null,
    last_error = case
      when v_is_next and j.status = 'processing' and j.retry_at is null then 'the worker was lost'
      else j.last_error
    end,
    started_at = coalesce(j.started_at, p_now),
    heartbeat_at = p_now,
    lease_expires_at = p_lease_expires_at,
    retry_at = null,
    updated_at = p_now,
    version = j.version + 1
  where j.id = p_job.id
  returning j.*;
end;
$$;
comment on function private.start_queue_attempt(
  public.index_jobs, timestamptz, integer, uuid, timestamptz) is
  'Starts the attempt of an index job that a queue runs.';
revoke all on function private.start_queue_attempt(
  public.index_jobs, timestamptz, integer, uuid, timestamptz)
  from public, anon, authenticated, service_role;
grant execute on function private.start_queue_attempt(
  public.index_jobs, timestamptz, integer, uuid, timestamptz) to job_writer;
-- end stamp
-- stamp: db/functions/private/store_incoming_rows.sql
create or replace function private.store_incoming_rows(p_job public.index_jobs)
returns table (files bigint, symbols bigint)
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
as $$
declare
  v_transaction xid8 := pg_current_xact_id();
  v_copied bigint;
  v_skipped bigint;
  v_rule text;
begin
  -- Each kind is checked once (offset 0 keeps the planner from testing every row): a table
  -- constraint would take a quarter of the storing time.
  perform
  from (
    select distinct s.kind
    from private.incoming_symbols as s
    where s.transaction = v_transaction
    offset 0) as k
  where k.kind !~ '^[a-z_]{1,40}$';
  if found then
    raise exception 'the kind of a symbol is not a lower-case word'
      using errcode = 'PT422', detail = 'invalid_rows', column = 'kind',
        hint = 'Use letters and underscores, at most 40, such as function or class.';
  end if;

  begin
    insert into public.indexed_files
      (repository_id, job_id, path, language, bytes, blob_sha, symbol_count)
    select p_job.repository_id, p_job.id, i.path, i.language, i.bytes, i.blob_sha, i.symbol_count
    from private.incoming_files as i
    where i.transaction = v_transaction
      and not exists (
        select from public.indexed_files as f
        where f.repository_id = p_job.repository_id and f.path = i.path);
    get diagnostics files = row_count;

    insert into public.symbols (repository_id, file_id, name, kind, start_line, end_line, parent)
    select f.repository_id, f.id, s.name, s.kind, s.start_line, s.end_line, s.parent
    from private.incoming_symbols as s
    join private.incoming_files as i
      on i.transaction = v_transaction and i.file_no = s.file_no
    join public.indexed_files as f
      on f.repository_id = p_job.repository_id and f.path = i.path
    where s.transaction = v_transaction;
    get diagnostics symbols = row_count;

    insert into public.skipped_files (repository_id, job_id, path, reason)
    select p_job.repository_id, p_job.id, left(k.path, 2000), k.reason
    from private.incoming_skipped as k
    where k.transaction = v_transaction;
  exception
    when check_violation or not_null_violation or unique_violation or program_limit_exceeded then
      get stacked diagnostics v_rule = constraint_name;
      raise exception 'a row is not valid: %', coalesce(nullif(v_rule, ''), sqlerrm)
        using errcode = 'PT422', detail = 'invalid_rows', column = 'rows',
          hint = 'Send rows that satisfy the constraints of the tables, each file once.';
  end;

  delete from private.incoming_symbols as s where s.transaction = v_transaction;
  get diagnostics v_copied = row_count;
  if v_copied <> symbols then
    raise exception 'symbols refer to a file_no that is unknown or not unique'
      using errcode = 'PT422', detail = 'invalid_rows', column = 'file_no',
        hint = 'COPY each file before or with its symbols, and give it a unique number.';
  end if;
  delete from private.incoming_skipped as k where k.transaction = v_transaction;
  select count(*) into v_skipped
  from public.skipped_files as k
  where k.repository_id = p_job.repository_id and k.job_id = p_job.id;
  if v_skipped > 10000 then
    raise exception 'more than 10000 skipped files'
      using errcode = 'PT422', detail = 'invalid_rows', column = 'skipped',
        hint = 'COPY the first 10000; the stats count them all.';
  end if;
  return next;
end;
$$;
comment on function private.store_incoming_rows(public.index_jobs) is
  'Stores the rows that this transaction has copied.';
revoke all on function private.store_incoming_rows(public.index_jobs)
  from public, anon, authenticated, service_role;
grant execute on function private.store_incoming_rows(public.index_jobs) to job_writer;
-- end stamp
-- stamp: db/functions/private/store_index.sql
create or replace function private.store_index(
  p_job public.index_jobs,
  p_is_change boolean,
  p_stats jsonb
)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_before bigint;
  v_moved bigint;
  v_sent_files bigint;
  v_sent_symbols bigint;
  v_files bigint;
  v_symbols bigint;
  v_own_files bigint;
begin
  if p_is_change then
    perform private.delete_gone_files(p_job);
  else
    perform private.delete_files_of_other_jobs(p_job);
  end if;
  select (c.stats ->> 'symbols')::bigint into v_before -- stored by store_index_rows
  from public.indexed_commits as c
  where c.repository_id = p_job.repository_id and c.job_id = p_job.id;
  select m.symbols into v_moved from private.store_incoming_rows(p_job) as m;

  select count(*), coalesce(sum(i.symbol_count), 0) into v_sent_files, v_sent_symbols
  from private.incoming_files as i
  where i.transaction = pg_current_xact_id();
  select count(*), coalesce(sum(f.symbol_count), 0), count(*) filter (where f.job_id = p_job.id)
  into v_files, v_symbols, v_own_files
  from public.indexed_files as f
  where f.repository_id = p_job.repository_id;
  if p_stats -> 'files_indexed' is distinct from to_jsonb(v_files)
    or p_stats -> 'symbols_extracted' is distinct from to_jsonb(v_symbols)
    or v_sent_files <> v_own_files
    or v_sent_symbols <> v_moved + coalesce(v_before, 0)
  then
    raise exception
      'stats count % files and % symbols; the rows are % files and % symbols, of which this '
      'transaction sent % files, announcing % symbols, and % symbols',
      p_stats -> 'files_indexed', p_stats -> 'symbols_extracted', v_files, v_symbols,
      v_sent_files, v_sent_symbols, v_moved + coalesce(v_before, 0)
      using errcode = 'PT409', detail = 'rows_missing', column = 'stats',
        hint = 'COPY every row and call complete_index in one transaction; files_indexed and '
          'symbols_extracted count all rows of the repository.';
  end if;
end;
$$;
comment on function private.store_index(public.index_jobs, boolean, jsonb) is
  'Stores the rows of an index, and refuses rows that do not match its stats.';
revoke all on function private.store_index(public.index_jobs, boolean, jsonb)
  from public, anon, authenticated, service_role;
grant execute on function private.store_index(public.index_jobs, boolean, jsonb) to job_writer;
-- end stamp
-- stamp: db/functions/private/stored_commit.sql
create or replace function private.stored_commit(p_repository_id uuid)
returns public.indexed_commits
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_commit public.indexed_commits;
begin
  select c.* into v_commit
  from public.indexed_commits as c
  where c.repository_id = p_repository_id;
  if found then
    return v_commit;
  end if;
  perform from public.repositories as r where r.id = p_repository_id;
  if found then
    raise exception 'no index of the repository is stored yet'
      using errcode = 'PT409', detail = 'not_completed',
        hint = 'Wait until a job of the repository is completed.';
  end if;
  raise exception 'repository not found' using errcode = 'PT404';
end;
$$;
comment on function private.stored_commit(uuid) is
  'Returns what is currently stored for a repository.';
revoke all on function private.stored_commit(uuid) from public, anon, authenticated, service_role;
grant execute on function private.stored_commit(uuid) to authenticated, service_role;
-- end stamp
-- stamp: db/functions/get_job_status.sql
create or replace function public.get_job_status(p_job_id uuid)
returns setof public.index_jobs
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  return query select j.* from public.index_jobs as j where j.id = p_job_id;
  if not found then
    raise exception 'index job not found' using errcode = 'PT404';
  end if;
end;
$$;
comment on function public.get_job_status(uuid) is 'Returns one index job that the caller may see.';
revoke all on function public.get_job_status(uuid) from public, anon, authenticated, service_role;
grant execute on function public.get_job_status(uuid) to authenticated, service_role;
-- end stamp
-- stamp: db/functions/private/stored_commit_of_job.sql
create or replace function private.stored_commit_of_job(p_job_id text)
returns public.indexed_commits
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select c.*
  from public.get_job_status(p_job_id => private.parse_uuid(p_job_id)) as j
  cross join lateral private.stored_commit(p_repository_id => j.repository_id) as c;
$$;
comment on function private.stored_commit_of_job(text) is
  'Returns what is currently stored for the repository of a job.';
revoke all on function private.stored_commit_of_job(text)
  from public, anon, authenticated, service_role;
grant execute on function private.stored_commit_of_job(text) to job_gateway;
-- end stamp
-- stamp: db/functions/private/stuck_jobs.sql
create or replace function private.stuck_jobs(
  p_silent interval,
  p_is_processing boolean default false
)
returns table (job_id uuid, kind text, since timestamptz)
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := private.clock();
begin
  return query
  select j.id, k.kind, k.since
  from public.index_jobs as j
  cross join lateral (
    select v.kind, least(v.since, v_now) as since
    from (values
      (1, 'cancel_overdue', j.cancel_requested_at, interval '1 minute'),
      (2, 'lease_expired', j.lease_expires_at, '0'),
      (3, 'retry_overdue', j.retry_at, p_silent),
      (4, 'silent', j.heartbeat_at, p_silent)) as v (place, kind, since, patience)
    where (v.since <= v_now - v.patience or v.place = 1 and v.since > v_now + interval '1 second')
      and (v.place < 4 or num_nonnulls(j.lease_expires_at, j.retry_at) = 0)
    order by v.place
    limit 1) as k
  where j.status = 'processing';
  if not p_is_processing then
    return query
    select j.id, 'unclaimed', j.created_at
    from public.index_jobs as j
    where j.status = 'pending' and j.created_at <= v_now - p_silent;
  end if;
end;
$$;
comment on function private.stuck_jobs(interval, boolean) is
  'Returns the jobs that make no progress by themselves, and why.';
revoke all on function private.stuck_jobs(interval, boolean)
  from public, anon, authenticated, service_role;
grant execute on function private.stuck_jobs(interval, boolean) to job_writer, service_role;
-- end stamp
-- stamp: db/functions/private/uuid_v7.sql
create or replace function private.uuid_v7()
returns uuid
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select encode(overlay(set_bit(set_bit(uuid_send(gen_random_uuid()), 52, 1), 53, 1)
    placing substr(int8send((extract(epoch from private.clock()) * 1000)::bigint), 3) from 1),
    'hex')::uuid;
$$;
comment on function private.uuid_v7() is 'A version 7 UUID, ordered by time.';
revoke all on function private.uuid_v7() from public, anon, authenticated, service_role;
grant execute on function private.uuid_v7() to job_writer;
-- end stamp
-- stamp: db/policies/accounts.sql
revoke all on table private.accounts from public, anon, authenticated, service_role;
grant select on table private.accounts to job_gateway;
grant select, insert, update, delete on table private.accounts to service_role;
-- end stamp
-- stamp: db/policies/admin_audit.sql
revoke all on table private.admin_audit from public, anon, authenticated, service_role;
revoke all on sequence private.admin_audit_id_seq from public, anon, authenticated, service_role;
grant insert on table private.admin_audit to job_writer;
grant select on table private.admin_audit to service_role;
-- end stamp
-- stamp: db/policies/api_keys.sql
revoke all on table private.api_keys from public, anon, authenticated, service_role;
grant select, insert, update on table private.api_keys to job_gateway;
-- end stamp
-- stamp: db/policies/development.sql
revoke all on table private.development from public, anon, authenticated, service_role;
-- end stamp
-- stamp: db/policies/gone_files.sql
revoke all on table private.gone_files from public, anon, authenticated, service_role;
grant insert (id) on table private.gone_files to job_worker, service_role;
grant select, delete on table private.gone_files to job_writer;
-- end stamp
-- stamp: db/policies/idempotency_keys.sql
revoke all on table private.idempotency_keys from public, anon, authenticated, service_role;
grant select, insert on table private.idempotency_keys to job_writer;
-- end stamp
-- stamp: db/policies/incoming_files.sql
revoke all on table private.incoming_files from public, anon, authenticated, service_role;
grant insert (file_no, path, language, bytes, blob_sha, symbol_count)
  on table private.incoming_files to job_worker, service_role;
grant select, delete on table private.incoming_files to job_writer;
-- end stamp
-- stamp: db/policies/incoming_skipped.sql
revoke all on table private.incoming_skipped from public, anon, authenticated, service_role;
grant insert (path, reason) on table private.incoming_skipped to job_worker, service_role;
grant select, delete on table private.incoming_skipped to job_writer;
-- end stamp
-- stamp: db/policies/incoming_symbols.sql
revoke all on table private.incoming_symbols from public, anon, authenticated, service_role;
grant insert (file_no, name, kind, start_line, end_line, parent)
  on table private.incoming_symbols to job_worker, service_role;
grant select, delete on table private.incoming_symbols to job_writer;
-- end stamp
-- stamp: db/policies/index_durations.sql
revoke all on table private.index_durations from public, anon, authenticated, service_role;
grant select, insert, delete on table private.index_durations to job_writer;
-- end stamp
-- stamp: db/policies/index_job_events.sql
alter table public.index_job_events enable row level security;
alter table public.index_job_events force row level security;
drop policy if exists index_job_events_select_authenticated on public.index_job_events;
create policy index_job_events_select_authenticated on public.index_job_events
  for select to authenticated
  using (exists (select from public.index_jobs as j where j.id = index_job_events.job_id));
comment on policy index_job_events_select_authenticated on public.index_job_events is
  'Users see the events of the jobs that they can see.';
drop policy if exists index_job_events_select_workers on public.index_job_events;
create policy index_job_events_select_workers on public.index_job_events
  for select to job_worker, service_role
  using (true);
comment on policy index_job_events_select_workers on public.index_job_events is
  'Workers and the service read every row.';
drop policy if exists index_job_events_select_job_writer on public.index_job_events;
create policy index_job_events_select_job_writer on public.index_job_events
  for select to job_writer
  using (true);
comment on policy index_job_events_select_job_writer on public.index_job_events is
  'The trigger counts the events of a job.';
drop policy if exists index_job_events_insert_job_writer on public.index_job_events;
create policy index_job_events_insert_job_writer on public.index_job_events
  for insert to job_writer
  with check (true);
comment on policy index_job_events_insert_job_writer on public.index_job_events is
  'The trigger appends events.';
revoke all on table public.index_job_events from public, anon, authenticated, service_role;
grant select on table public.index_job_events to authenticated, job_worker, service_role;
grant select, insert on table public.index_job_events to job_writer;
-- end stamp
-- stamp: db/policies/index_jobs.sql
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
  'Users see their own jobs and those of their organizations.';
drop policy if exists index_jobs_select_workers on public.index_jobs;
create policy index_jobs_select_workers on public.index_jobs
  for select to job_worker, service_role
  using (true);
comment on policy index_jobs_select_workers on public.index_jobs is
  'Workers and the service read every row.';
drop policy if exists index_jobs_all_job_writer on public.index_jobs;
create policy index_jobs_all_job_writer on public.index_jobs
  for all to job_writer
  using (true)
  with check (true);
comment on policy index_jobs_all_job_writer on public.index_jobs is
  'The functions that change jobs see and change every row.';
revoke all on table public.index_jobs from public, anon, authenticated, service_role;
grant select on table public.index_jobs to authenticated, job_worker, service_role;
grant select, insert, update, delete on table public.index_jobs to job_writer;
grant select, update on sequence private.claim_cursor_high to job_writer;
grant select, update on sequence private.claim_cursor_low to job_writer;
grant select, update on sequence private.claim_lease_check to job_writer;
-- end stamp
-- stamp: db/policies/indexed_commits.sql
alter table public.indexed_commits enable row level security;
alter table public.indexed_commits force row level security;
drop policy if exists indexed_commits_select_authenticated on public.indexed_commits;
create policy indexed_commits_select_authenticated on public.indexed_commits
  for select to authenticated
  using (exists (select from public.repositories as r where r.id = indexed_commits.repository_id));
comment on policy indexed_commits_select_authenticated on public.indexed_commits is
  'Users see the indexed commit of the repositories that they can see.';
drop policy if exists indexed_commits_select_job_worker on public.indexed_commits;
create policy indexed_commits_select_job_worker on public.indexed_commits
  for select to job_worker
  using (true);
comment on policy indexed_commits_select_job_worker on public.indexed_commits is
  'Workers read every row.';
drop policy if exists indexed_commits_select_service_role on public.indexed_commits;
create policy indexed_commits_select_service_role on public.indexed_commits
  for select to service_role
  using (true);
comment on policy indexed_commits_select_service_role on public.indexed_commits is
  'The service reads every row.';
drop policy if exists indexed_commits_all_job_writer on public.indexed_commits;
create policy indexed_commits_all_job_writer on public.indexed_commits
  for all to job_writer
  using (true)
  with check (true);
comment on policy indexed_commits_all_job_writer on public.indexed_commits is
  'The functions that store an index see and change every row.';
revoke all on table public.indexed_commits from public, anon, authenticated, service_role;
grant select on table public.indexed_commits to authenticated, job_worker, service_role;
grant select, insert, update, delete on table public.indexed_commits to job_writer;
-- end stamp
-- stamp: db/policies/indexed_files.sql
alter table public.indexed_files enable row level security;
alter table public.indexed_files force row level security;
drop policy if exists indexed_files_select_authenticated on public.indexed_files;
create policy indexed_files_select_authenticated on public.indexed_files
  for select to authenticated
  using (exists (
    select from public.repositories as r where r.id = indexed_files.repository_id offset 0));
comment on policy indexed_files_select_authenticated on public.indexed_files is
  'Users see the files of the repositories that they can see.';
drop policy if exists indexed_files_select_job_worker on public.indexed_files;
create policy indexed_files_select_job_worker on public.indexed_files
  for select to job_worker
  using (true);
comment on policy indexed_files_select_job_worker on public.indexed_files is
  'Workers read every row.';
drop policy if exists indexed_files_select_service_role on public.indexed_files;
create policy indexed_files_select_service_role on public.indexed_files
  for select to service_role
  using (true);
comment on policy indexed_files_select_service_role on public.indexed_files is
  'The service reads every row.';
drop policy if exists indexed_files_all_job_writer on public.indexed_files;
create policy indexed_files_all_job_writer on public.indexed_files
  for all to job_writer
  using (true)
  with check (true);
comment on policy indexed_files_all_job_writer on public.indexed_files is
  'The functions that store an index see and change every row.';
revoke all on table public.indexed_files from public, anon, authenticated, service_role;
revoke all on sequence public.indexed_files_id_seq from public, anon, authenticated, service_role;
grant select on table public.indexed_files to authenticated, job_worker, service_role;
grant select, insert, delete on table public.indexed_files to job_writer;
-- end stamp
-- stamp: db/policies/job_ends.sql
revoke all on table private.job_ends from public, anon, authenticated, service_role;
grant select on table private.job_ends to service_role;
grant select, insert, update, delete on table private.job_ends to job_writer;
-- end stamp
-- stamp: db/policies/job_metric_log.sql
revoke all on table private.job_metric_log from public, anon, authenticated, service_role;
grant select, insert, delete on table private.job_metric_log to job_writer;
-- end stamp
-- stamp: db/policies/job_metrics.sql
revoke all on table private.job_metrics from public, anon, authenticated, service_role;
grant select on table private.job_metrics to service_role;
grant select, insert, update on table private.job_metrics to job_writer;
-- end stamp
-- stamp: db/policies/organization_members.sql
alter table public.organization_members enable row level security;
alter table public.organization_members force row level security;
drop policy if exists organization_members_select_authenticated on public.organization_members;
create policy organization_members_select_authenticated on public.organization_members
  for select to authenticated
  using (user_id = (select private.current_user_id()));
comment on policy organization_members_select_authenticated on public.organization_members is
  'Users see their own memberships.';
drop policy if exists organization_members_all_service_role on public.organization_members;
create policy organization_members_all_service_role on public.organization_members
  for all to service_role
  using (true)
  with check (true);
comment on policy organization_members_all_service_role on public.organization_members is
  'The service manages every row.';
drop policy if exists organization_members_select_job_writer on public.organization_members;
create policy organization_members_select_job_writer on public.organization_members
  for select to job_writer
  using (true);
comment on policy organization_members_select_job_writer on public.organization_members is
  'The functions that write jobs read every row.';
revoke all on table public.organization_members from public, anon, authenticated, service_role;
grant select on table public.organization_members to authenticated, job_writer;
grant select, insert, update, delete on table public.organization_members to service_role;
-- end stamp
-- stamp: db/policies/organizations.sql
alter table public.organizations enable row level security;
alter table public.organizations force row level security;
drop policy if exists organizations_select_authenticated on public.organizations;
create policy organizations_select_authenticated on public.organizations
  for select to authenticated
  using (exists (
      select from public.organization_members as m
      where m.organization_id = organizations.id
        and m.user_id = (select private.current_user_id())));
comment on policy organizations_select_authenticated on public.organizations is
  'Users see the organizations that they are members of.';
drop policy if exists organizations_all_service_role on public.organizations;
create policy organizations_all_service_role on public.organizations
  for all to service_role
  using (true)
  with check (true);
comment on policy organizations_all_service_role on public.organizations is
  'The service manages every row.';
revoke all on table public.organizations from public, anon, authenticated, service_role;
grant select on table public.organizations to authenticated;
grant select, insert, update, delete on table public.organizations to service_role;
-- end stamp
-- stamp: db/policies/queue_attempts.sql
revoke all on table private.queue_attempts from public, anon, authenticated, service_role;
grant select, insert, update on table private.queue_attempts to job_writer;
-- end stamp
-- stamp: db/policies/rate_limit_counters.sql
revoke all on table private.rate_limit_counters from public, anon, authenticated, service_role;
grant select, insert, update on table private.rate_limit_counters to job_gateway;
-- end stamp
-- stamp: db/policies/repositories.sql
alter table public.repositories enable row level security;
alter table public.repositories force row level security;
drop policy if exists repositories_select_authenticated on public.repositories;
create policy repositories_select_authenticated on public.repositories
  for select to authenticated
  using (owner_user_id = (select private.current_user_id())
    or exists (
      select from public.organization_members as m
      where m.organization_id = repositories.organization_id
        and m.user_id = (select private.current_user_id())
      offset 0));
comment on policy repositories_select_authenticated on public.repositories is
  'Users see their own repositories and those of their organizations.';
drop policy if exists repositories_insert_authenticated on public.repositories;
create policy repositories_insert_authenticated on public.repositories
  for insert to authenticated
  with check (owner_user_id = (select private.current_user_id())
    or exists (
      select from public.organization_members as m
      where m.organization_id = repositories.organization_id
        and m.user_id = (select private.current_user_id())));
comment on policy repositories_insert_authenticated on public.repositories is
  'Users add repositories for themselves or for their organizations.';
drop policy if exists repositories_all_service_role on public.repositories;
create policy repositories_all_service_role on public.repositories
  for all to service_role
  using (true)
  with check (true);
comment on policy repositories_all_service_role on public.repositories is
  'The service manages every row.';
drop policy if exists repositories_select_job_roles on public.repositories;
create policy repositories_select_job_roles on public.repositories
  for select to job_worker, job_writer
  using (true);
comment on policy repositories_select_job_roles on public.repositories is
  'Workers, and the functions that write jobs, read every row.';
drop policy if exists repositories_update_job_writer on public.repositories;
create policy repositories_update_job_writer on public.repositories
  for update to job_writer
  using (true)
  with check (true);
comment on policy repositories_update_job_writer on public.repositories is
  'set_repository_url changes the address; the functions that store an index lock the row.';
revoke all on table public.repositories from public, anon, authenticated, service_role;
grant select on table public.repositories to authenticated, job_worker, job_writer;
grant insert (full_name, git_url, owner_user_id, organization_id)
  on table public.repositories to authenticated;
grant update (git_url) on table public.repositories to job_writer;
grant select, insert, update, delete on table public.repositories to service_role;
-- end stamp
-- stamp: db/policies/runners.sql
revoke all on table private.runners from public, anon, authenticated, service_role;
grant select on table private.runners to service_role;
grant select, insert, update, delete on table private.runners to job_writer;
-- end stamp
-- stamp: db/policies/skipped_files.sql
alter table public.skipped_files enable row level security;
alter table public.skipped_files force row level security;
drop policy if exists skipped_files_select_authenticated on public.skipped_files;
create policy skipped_files_select_authenticated on public.skipped_files
  for select to authenticated
  using (exists (
    select from public.repositories as r where r.id = skipped_files.repository_id offset 0));
comment on policy skipped_files_select_authenticated on public.skipped_files is
  'Users see the skipped files of the repositories that they can see.';
drop policy if exists skipped_files_select_job_worker on public.skipped_files;
create policy skipped_files_select_job_worker on public.skipped_files
  for select to job_worker
  using (true);
comment on policy skipped_files_select_job_worker on public.skipped_files is
  'Workers read every row.';
drop policy if exists skipped_files_select_service_role on public.skipped_files;
create policy skipped_files_select_service_role on public.skipped_files
  for select to service_role
  using (true);
comment on policy skipped_files_select_service_role on public.skipped_files is
  'The service reads every row.';
drop policy if exists skipped_files_all_job_writer on public.skipped_files;
create policy skipped_files_all_job_writer on public.skipped_files
  for all to job_writer
  using (true)
  with check (true);
comment on policy skipped_files_all_job_writer on public.skipped_files is
  'The functions that store an index see and change every row.';
revoke all on table public.skipped_files from public, anon, authenticated, service_role;
revoke all on sequence public.skipped_files_id_seq from public, anon, authenticated, service_role;
grant select on table public.skipped_files to authenticated, job_worker, service_role;
grant select, insert, delete on table public.skipped_files to job_writer;
-- end stamp
-- stamp: db/policies/symbols.sql
alter table public.symbols enable row level security;
alter table public.symbols force row level security;
drop policy if exists symbols_select_authenticated on public.symbols;
create policy symbols_select_authenticated on public.symbols
  for select to authenticated
  using (exists (
    select from public.repositories as r where r.id = symbols.repository_id offset 0));
comment on policy symbols_select_authenticated on public.symbols is
  'Users see the symbols of the repositories that they can see.';
drop policy if exists symbols_select_job_worker on public.symbols;
create policy symbols_select_job_worker on public.symbols
  for select to job_worker
  using (true);
comment on policy symbols_select_job_worker on public.symbols is
  'Workers read every row.';
drop policy if exists symbols_select_service_role on public.symbols;
create policy symbols_select_service_role on public.symbols
  for select to service_role
  using (true);
comment on policy symbols_select_service_role on public.symbols is
  'The service reads every row.';
drop policy if exists symbols_all_job_writer on public.symbols;
create policy symbols_all_job_writer on public.symbols
  for all to job_writer
  using (true)
  with check (true);
comment on policy symbols_all_job_writer on public.symbols is
  'The functions that store an index see and change every row.';
revoke all on table public.symbols from public, anon, authenticated, service_role;
revoke all on sequence public.symbols_id_seq from public, anon, authenticated, service_role;
grant select on table public.symbols to authenticated, job_worker, service_role;
grant select, insert, delete on table public.symbols to job_writer;
-- end stamp
-- stamp: db/policies/tiers.sql
revoke all on table private.tiers from public, anon, authenticated, service_role;
grant select on table private.tiers to job_gateway;
grant select, insert, update, delete on table private.tiers to service_role;
-- end stamp
-- stamp: db/functions/api_admin_change_index_job.sql
create or replace function public.api_admin_change_index_job(
  p_claims jsonb,
  p_job_id text,
  p_action text,
  p_reason text
)
returns private.api_answer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
  v_answer private.api_answer;
  v_job_id uuid := private.parse_uuid(p_job_id);
  v_job public.index_jobs;
begin
  if p_claims ->> 'role' is distinct from 'service_role' then
    return private.count_request(null);
  end if;
  begin
    if coalesce(btrim(p_reason, E' \t\r\n'), '') = '' or length(p_reason) > 500 then
      raise exception 'reason is missing, or has more than 500 characters'
        using errcode = 'PT422', detail = 'invalid_reason', column = 'reason',
          hint = 'Give the reason for the audit log: a ticket and a few words.';
    end if;
    case p_action
      when 'fail' then
        select j.* into v_job from private.admin_fail_index_job(v_job_id) as j;
      when 'retry' then
        select j.* into v_job from private.admin_retry_index_job(v_job_id) as j;
      when 'release' then
        select j.* into v_job from private.admin_release_index_job(v_job_id) as j;
      else
        raise exception 'action must be fail, retry or release'
          using errcode = 'PT422', detail = 'invalid_action', column = 'action',
            hint = 'Pass one of these.';
    end case;
    v_answer.verdict := 'ok';
    v_answer.body := row_to_json(v_job)::text;
    v_answer.job_id := v_job.id;
    v_answer.job_status := v_job.status;
    v_answer.job_version := v_job.version;
    v_answer.job_age := case when v_job.completed_at is null
      then extract(epoch from private.clock() - coalesce(v_job.started_at, v_job.created_at)) end;
  exception when sqlstate 'PT404' or sqlstate 'PT409' or sqlstate 'PT422' then
    get stacked diagnostics
      v_answer.verdict = returned_sqlstate,
      v_answer.code = pg_exception_detail,
      v_answer.message = message_text,
      v_answer.hint = pg_exception_hint,
      v_answer.field = column_name;
  end;
  perform private.record_admin_action(
    p_claims, p_action, v_job_id, left(p_reason, 500),
    coalesce(nullif(v_answer.code, ''), v_answer.verdict));
  return v_answer;
end;
$$;
comment on function public.api_admin_change_index_job(jsonb, text, text, text) is
  'Answers POST /admin/jobs/{id}/fail, retry and release.';
alter function public.api_admin_change_index_job(jsonb, text, text, text) owner to job_gateway;
revoke all on function public.api_admin_change_index_job(jsonb, text, text, text)
  from public, anon, authenticated, service_role;
grant execute on function public.api_admin_change_index_job(jsonb, text, text, text)
  to job_http, service_role;
-- end stamp
-- stamp: db/functions/api_admin_get_job_status.sql
create or replace function public.api_admin_get_job_status(
  p_claims jsonb,
  p_job_id text,
  p_reason text default null
)
returns private.api_answer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
  v_answer private.api_answer;
begin
  if p_claims ->> 'role' is distinct from 'service_role' then
    return private.count_request(null);
  end if;
  select 'ok', row_to_json(j)::text, j.id, j.status, j.version,
    case when j.completed_at is null
      then extract(epoch from private.clock() - coalesce(j.started_at, j.created_at)) end
  into v_answer.verdict, v_answer.body, v_answer.job_id, v_answer.job_status, v_answer.job_version,
    v_answer.job_age
  from private.read_any_job(private.parse_uuid(p_job_id)) as j;
  if not found then
    v_answer.verdict := 'PT404';
  end if;
  perform private.record_admin_action(
    p_claims, 'get_job_status', private.parse_uuid(p_job_id), p_reason, v_answer.verdict);
  return v_answer;
end;
$$;
comment on function public.api_admin_get_job_status(jsonb, text, text) is
  'Answers GET /admin/jobs/{id}.';
alter function public.api_admin_get_job_status(jsonb, text, text) owner to job_gateway;
revoke all on function public.api_admin_get_job_status(jsonb, text, text)
  from public, anon, authenticated, service_role;
grant execute on function public.api_admin_get_job_status(jsonb, text, text)
  to job_http, service_role;
-- end stamp
-- stamp: db/functions/api_admin_list_index_jobs.sql
create or replace function public.api_admin_list_index_jobs(
  p_claims jsonb,
  p_status text default null,
  p_tenant text default null,
  p_repository text default null,
  p_since text default null,
  p_until text default null,
  p_queue_job_id text default null,
  p_cursor text default null,
  p_limit integer default 20,
  p_reason text default null
)
returns private.api_answer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
  v_answer private.api_answer;
begin
  if p_claims ->> 'role' is distinct from 'service_role' then
    return private.count_request(null);
  end if;
  begin
    select
      'ok',
      json_build_object(
        'jobs', coalesce(json_agg(row_to_json(j) order by j.id desc), '[]'),
        'next_cursor', (array_agg(j.id order by j.id desc))[p_limit])::text,
      (array_agg(j.id order by j.id desc))[p_limit]
    into v_answer.verdict, v_answer.body, v_answer.next_cursor
    from private.admin_list_index_jobs(
      p_status => p_status,
      p_tenant => p_tenant,
      p_repository => p_repository,
      p_since => private.parse_since(p_since),
      p_until => private.parse_since(p_until, 'until'),
      p_queue_job_id => p_queue_job_id,
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
  perform private.record_admin_action(p_claims, 'list_index_jobs', null, p_reason, 'ok');
  return v_answer;
end;
$$;
comment on function public.api_admin_list_index_jobs(
  jsonb, text, text, text, text, text, text, text, integer, text) is 'Answers GET /admin/jobs.';
alter function public.api_admin_list_index_jobs(
  jsonb, text, text, text, text, text, text, text, integer, text) owner to job_gateway;
revoke all on function public.api_admin_list_index_jobs(
  jsonb, text, text, text, text, text, text, text, integer, text)
  from public, anon, authenticated, service_role;
grant execute on function public.api_admin_list_index_jobs(
  jsonb, text, text, text, text, text, text, text, integer, text) to job_http, service_role;
-- end stamp
-- stamp: db/functions/api_call_function.sql
create or replace function public.api_call_function(
  p_claims jsonb,
  p_function text,
  p_arguments text,
  p_read_only boolean,
  p_query jsonb
)
returns table (body text, row_count bigint, total bigint, is_void boolean)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
  v_arguments json := p_arguments;
  v_names text[] := array(
    select distinct k.name from json_object_keys(v_arguments) as k (name) order by k.name);
  v_function record;
  v_alias text;
  v_row text;
  v_call text;
  v_columns text;
  v_order text;
  v_body text;
begin
  select f.name, f.is_volatile, f.returns_set, f.returns_void, f.row_name, f.argument_names,
    f.argument_types, f.is_granted, count(*) over () as candidates
  into v_function
  from private.exposed_functions(p_function) as f
  where v_names @> f.required_arguments and v_names <@ f.argument_names;
  if not found then
    raise exception using errcode = 'PGRST', message = json_build_object(
      'code', 'PGRST202', 'message', p_function, 'names', v_names, 'known', (
        select json_object_agg(f.name, f.argument_names)
        from private.exposed_functions() as f where f.is_granted)),
      detail = '{"status": 404, "headers": {}}';
  end if;
  if v_function.candidates > 1 then
    raise exception using errcode = 'PGRST', message = json_build_object(
      'code', 'PGRST203',
      'message', 'Could not choose the best candidate function of the name ' || p_function,
      'hint', 'Rename all but one of the functions of that name.'),
      detail = '{"status": 300, "headers": {}}';
  end if;
  if p_claims ->> 'role' is distinct from 'authenticated' or not v_function.is_granted then
    raise exception 'permission denied for function %', p_function using errcode = '42501';
  end if;

  perform set_config('request.jwt.claims', p_claims::text, true);
  if p_read_only or not v_function.is_volatile then
    perform set_config('transaction_read_only', 'on', true);
  end if;

  v_alias := coalesce(v_function.row_name, v_function.name);
  v_row := case when v_function.row_name is null then v_function.name else 'pgrst_call' end;
  select
    coalesce('json_to_record($1) as pgrst_arguments ('
      || string_agg(format('%I %s', a.name, a.type), ', ') || '), ', '')
    || format('lateral public.%I(', v_function.name)
    || coalesce(string_agg(format('%1$I => pgrst_arguments.%1$I', a.name), ', '), '')
    || case when v_function.row_name is null
      then ') as pgrst_result (pgrst_scalar)' else ') as pgrst_result' end
  into v_call
  from unnest(v_function.argument_names, v_function.argument_types) as a (name, type)
  where a.name = any (v_names);

  select coalesce(string_agg(
    case when c.value ->> 0 = '*' then format('%I.*', v_row)
      else format('%I.%I as %I', v_row, c.value ->> 0, coalesce(c.value ->> 1, c.value ->> 0)) end,
    ', '), format('%I.*', v_row))
  into v_columns
  from jsonb_array_elements(p_query -> 'select') as c;

  select coalesce('order by ' || string_agg(
    format('%I.%I', v_alias, o.value ->> 0)
      || case when (o.value ->> 1)::boolean then ' desc' else '' end
      || case (o.value ->> 2)::boolean
        when true then ' nulls first' when false then ' nulls last' else '' end,
    ', '), '')
  into v_order
  from jsonb_array_elements(p_query -> 'order') as o;

  v_body := case when v_function.row_name is null
    then 'json_agg(pgrst_page.pgrst_scalar)' else 'json_agg(pgrst_page)' end;
  if (p_query ->> 'strip_nulls')::boolean then
    v_body := format('json_strip_nulls(%s)', v_body);
  end if;
  if (p_query ->> 'object')::boolean or not v_function.returns_set then
    v_body := format('coalesce((%s -> 0)::text, %L)', v_body, 'null');
  else
    v_body := format('coalesce(%s::text, %L)', v_body, '[]');
  end if;

  perform set_config('search_path', 'public, pg_temp', true);
  execute concat(
    'with pgrst_source as materialized (select pgrst_result.* from ', v_call, '),',
    format('pgrst_chosen as (select %1$I.* from pgrst_source as %1$I where ', v_alias),
    private.rest_conditions(v_alias, p_query -> 'filters'), '),',
    'pgrst_page as (select ', v_columns, ' from (',
    format('select %1$I.* from pgrst_chosen as %1$I ', v_alias), v_order,
    format(' limit %L offset %L) as %I)', p_query ->> 'limit', p_query ->> 'offset', v_row),
    'select ', v_body, case when v_function.returns_set then ', count(*), ' else ', 1, ' end,
    case when (p_query ->> 'count')::boolean
      then '(select count(*) from pgrst_chosen)' else 'null::bigint' end,
    ' from pgrst_page')
  into body, row_count, total
  using v_arguments;

  if (p_query ->> 'object')::boolean and row_count <> 1 then
    raise exception using errcode = 'PGRST', message = json_build_object(
      'code', 'PGRST116', 'message', 'JSON object requested, multiple (or no) rows returned',
      'details', format('The result contains %s rows', row_count)),
      detail = '{"status": 406, "headers": {}}';
  end if;
  is_void := v_function.returns_void;
  return next;
end;
$$;
comment on function public.api_call_function(jsonb, text, text, boolean, jsonb) is
  'Answers /rest/v1/rpc/{function}.';
alter function public.api_call_function(jsonb, text, text, boolean, jsonb) owner to job_tenant;
revoke all on function public.api_call_function(jsonb, text, text, boolean, jsonb)
  from public, anon, authenticated, service_role;
grant execute on function public.api_call_function(jsonb, text, text, boolean, jsonb) to job_http;
-- end stamp
-- stamp: db/functions/api_cancel_index_job.sql
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
  v_answer private.api_answer;
begin
  v_answer := private.count_request(private.begin_request(p_api_key, p_claims));
  if v_answer.verdict <> 'ok' then
    return v_answer;
  end if;

  begin
    select row_to_json(j)::text, j.id, j.status, j.version,
      case when j.completed_at is null
        then extract(epoch from private.clock() - coalesce(j.started_at, j.created_at)) end
    into v_answer.body, v_answer.job_id, v_answer.job_status, v_answer.job_version,
      v_answer.job_age
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
comment on function public.api_cancel_index_job(text, jsonb, text) is 'Answers DELETE /jobs/{id}.';
alter function public.api_cancel_index_job(text, jsonb, text) owner to job_gateway;
revoke all on function public.api_cancel_index_job(text, jsonb, text)
  from public, anon, authenticated, service_role;
grant execute on function public.api_cancel_index_job(text, jsonb, text) to job_http, service_role;
-- end stamp
-- stamp: db/functions/api_count_request.sql
create or replace function public.api_count_request(p_api_key text, p_claims jsonb)
returns private.api_answer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
begin
  perform set_config('synchronous_commit', 'off', true);
  return private.count_request(private.begin_request(p_api_key, p_claims));
end;
$$;
comment on function public.api_count_request(text, jsonb) is
  'Counts a request without doing anything else.';
alter function public.api_count_request(text, jsonb) owner to job_gateway;
revoke all on function public.api_count_request(text, jsonb)
  from public, anon, authenticated, service_role;
grant execute on function public.api_count_request(text, jsonb) to job_http, service_role;
-- end stamp
-- stamp: db/functions/api_create_index_job.sql
create or replace function public.api_create_index_job(
  p_api_key text,
  p_claims jsonb,
  p_repository text,
  p_organization text default null,
  p_ref text default null,
  p_commit_sha text default null,
  p_idempotency_key text default null,
  p_git_base_url text default 'https://github.com/',
  p_local_url text default null,
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
  v_answer private.api_answer;
  v_organization_id uuid;
  v_repository_id uuid;
  v_job_id uuid;
begin
  v_answer := private.count_request(private.begin_request(p_api_key, p_claims));
  if v_answer.verdict <> 'ok' then
    return v_answer;
  end if;

  begin
    if p_organization is not null then
      v_organization_id := private.find_organization(p_organization);
    end if;
    select r.id into v_repository_id
    from private.parse_repository(
      p_repository => p_repository,
      p_git_base_url => p_git_base_url,
      p_local_url => p_local_url) as n
    cross join lateral public.ensure_repository(
      p_full_name => n.full_name,
      p_git_url => n.git_url,
      p_organization_id => v_organization_id) as r;
    v_job_id := private.create_index_job(
      p_repository_id => v_repository_id,
      p_ref => p_ref,
      p_commit_sha => p_commit_sha,
      p_idempotency_key => p_idempotency_key);
    select j.id, j.status, j.version,
      case when j.completed_at is null
        then extract(epoch from private.clock() - coalesce(j.started_at, j.created_at)) end
    into v_answer.job_id, v_answer.job_status, v_answer.job_version, v_answer.job_age
    from public.index_jobs as j
    where j.id = v_job_id;
    if not found then  -- an earlier request's job, which the caller may no longer see
      raise exception 'index job not found' using errcode = 'PT404';
    end if;
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

  if p_tracking_percent < 100
    and private.rollout_bucket(private.current_user_id()) >= p_tracking_percent
  then
    v_answer.body := json_build_object('runId', v_job_id)::text;
    v_answer.job_id := null;
    v_answer.job_status := null;
    v_answer.job_version := null;
    v_answer.job_age := null;
  else
    v_answer.body := json_build_object(
      'jobId', v_job_id, 'runId', v_job_id, 'status', v_answer.job_status)::text;
  end if;
  return v_answer;
end;
$$;
comment on function
  public.api_create_index_job(text, jsonb, text, text, text, text, text, text, text, integer) is
  'Answers POST /index.';
alter function
  public.api_create_index_job(text, jsonb, text, text, text, text, text, text, text, integer)
  owner to job_gateway;
revoke all on function
  public.api_create_index_job(text, jsonb, text, text, text, text, text, text, text, integer)
  from public, anon, authenticated, service_role;
grant execute on function
  public.api_create_index_job(text, jsonb, text, text, text, text, text, text, text, integer)
  to job_http, service_role;
-- end stamp
-- stamp: db/functions/api_explain_index_job.sql
create or replace function public.api_explain_index_job(
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
  v_answer private.api_answer;
begin
  perform set_config('synchronous_commit', 'off', true);
  v_answer := private.count_request(private.begin_request(p_api_key, p_claims));
  if v_answer.verdict <> 'ok' then
    return v_answer;
  end if;

  begin
    select row_to_json(e)::text into v_answer.body
    from public.explain_index_job(p_job_id => private.parse_uuid(p_job_id)) as e;
  exception when sqlstate 'PT404' then
    v_answer.verdict := 'PT404';
  end;
  return v_answer;
end;
$$;
comment on function public.api_explain_index_job(text, jsonb, text) is
  'Answers GET /jobs/{id}/explain.';
alter function public.api_explain_index_job(text, jsonb, text) owner to job_gateway;
revoke all on function public.api_explain_index_job(text, jsonb, text)
  from public, anon, authenticated, service_role;
grant execute on function public.api_explain_index_job(text, jsonb, text) to job_http, service_role;
-- end stamp
-- stamp: db/functions/api_find_symbols.sql
create or replace function public.api_find_symbols(
  p_api_key text,
  p_claims jsonb,
  p_job_id text,
  p_name text default null,
  p_prefix text default null,
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
  v_answer private.api_answer;
  v_commit public.indexed_commits;
  v_rows json;
begin
  perform set_config('synchronous_commit', 'off', true);
  v_answer := private.count_request(private.begin_request(p_api_key, p_claims));
  if v_answer.verdict <> 'ok' then
    return v_answer;
  end if;

  begin
    v_commit := private.stored_commit_of_job(p_job_id);
    select
      coalesce(json_agg(json_build_object(
        'name', r.name, 'kind', r.kind, 'path', r.path, 'language', r.language,
        'start_line', r.start_line, 'end_line', r.end_line, 'parent', r.parent)
        order by r.ordinality), '[]'),
      (array_agg(r.cursor order by r.ordinality))[p_limit]
    into v_rows, v_answer.next_cursor
    from public.find_symbols(
      p_repository_id => v_commit.repository_id,
      p_name => p_name,
      p_prefix => p_prefix,
      p_cursor => p_cursor,
      p_limit => p_limit
    ) with ordinality as r;
  exception when sqlstate 'PT404' or sqlstate 'PT409' or sqlstate 'PT422' then
    get stacked diagnostics
      v_answer.verdict = returned_sqlstate,
      v_answer.code = pg_exception_detail,
      v_answer.message = message_text,
      v_answer.hint = pg_exception_hint,
      v_answer.field = column_name;
    return v_answer;
  end;
  v_answer.body := json_build_object(
    'job_id', v_commit.job_id, 'commit_sha', v_commit.commit_sha, 'symbols', v_rows,
    'next_cursor', v_answer.next_cursor)::text;
  return v_answer;
end;
$$;
comment on function public.api_find_symbols(text, jsonb, text, text, text, text, integer) is
  'Answers GET /jobs/{id}/symbols.';
alter function public.api_find_symbols(text, jsonb, text, text, text, text, integer)
  owner to job_gateway;
revoke all on function public.api_find_symbols(text, jsonb, text, text, text, text, integer)
  from public, anon, authenticated, service_role;
grant execute on function public.api_find_symbols(text, jsonb, text, text, text, text, integer)
  to job_http, service_role;
-- end stamp
-- stamp: db/functions/api_follow_index_job.sql
create or replace function public.api_follow_index_job(
  p_api_key text,
  p_claims jsonb,
  p_job_id text,
  p_after integer,
  p_is_first boolean,
  p_explains boolean
)
returns private.api_answer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
  v_job_id uuid := private.parse_uuid(p_job_id);
  v_caller private.api_caller;
  v_answer private.api_answer;
begin
  perform set_config('synchronous_commit', 'off', true);
  v_caller := private.begin_request(p_api_key, p_claims);
  if p_is_first or v_caller.user_id is null then
    v_answer := private.count_request(v_caller);
    if v_answer.verdict <> 'ok' then
      return v_answer;
    end if;
  end if;

  select
    case
      when p_after is null then row_to_json(j)
      else json_build_object(
        'events', coalesce((
          select json_agg(row_to_json(e) order by e.event_no)
          from public.index_job_events as e
          where e.job_id = j.id and e.event_no > p_after), '[]'),
        'job', row_to_json(j),
        'explain', case when p_explains and j.completed_at is null
          then (select row_to_json(x) from public.explain_index_job(p_job_id => j.id) as x) end)
    end::text,
    j.id, j.status, j.version,
    case when j.completed_at is null
      then extract(epoch from private.clock() - coalesce(j.started_at, j.created_at)) end
  into v_answer.body, v_answer.job_id, v_answer.job_status, v_answer.job_version, v_answer.job_age
  from public.index_jobs as j
  where j.id = v_job_id;
  v_answer.verdict := case when found then 'ok' else 'PT404' end;
  return v_answer;
end;
$$;
comment on function public.api_follow_index_job(text, jsonb, text, integer, boolean, boolean) is
  'Returns the next update for a client that follows an index job.';
alter function public.api_follow_index_job(text, jsonb, text, integer, boolean, boolean)
  owner to job_gateway;
revoke all on function public.api_follow_index_job(text, jsonb, text, integer, boolean, boolean)
  from public, anon, authenticated, service_role;
grant execute on function
  public.api_follow_index_job(text, jsonb, text, integer, boolean, boolean)
  to job_http, service_role;
-- end stamp
-- stamp: db/functions/api_get_job_history.sql
create or replace function public.api_get_job_history(p_api_key text, p_claims jsonb, p_job_id text)
returns private.api_answer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
  v_answer private.api_answer;
  v_job_id uuid := private.parse_uuid(p_job_id);
begin
  perform set_config('synchronous_commit', 'off', true);
  v_answer := private.count_request(private.begin_request(p_api_key, p_claims));
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
grant execute on function public.api_get_job_history(text, jsonb, text) to job_http, service_role;
-- end stamp
-- stamp: db/functions/api_get_job_status.sql
create or replace function public.api_get_job_status(
  p_api_key text,
  p_claims jsonb,
  p_job_id text,
  p_known_version bigint default null
)
returns private.api_answer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
  v_setting text := set_config('synchronous_commit', 'off', true);
  v_now timestamptz := private.clock();
  v_hour timestamptz := date_trunc('hour', v_now, 'UTC');
  v_job_id uuid := private.parse_uuid(p_job_id);
  v_answer private.api_answer;
begin
  update private.rate_limit_counters as c
  set requests = c.requests + 1
  from private.api_keys as k
  left join private.accounts as a on a.user_id = k.user_id
  join private.tiers as t on t.name = coalesce(a.tier, 'free')
  where k.id = split_part(p_api_key, '_', 2)
    and k.secret_hash = sha256(convert_to(split_part(p_api_key, '_', 3), 'UTF8'))
    and split_part(p_api_key, '_', 1) = 'ij'
    and k.enabled
    and (k.expires_at is null or k.expires_at > v_now)
    and k.last_used_at >= v_now - interval '1 hour'
    and c.user_id = k.user_id
    and c.window_start = v_hour
    and c.requests < t.requests_per_hour
    and not private.is_banned(k.user_id)
  returning c.user_id, t.requests_per_hour, t.requests_per_hour - c.requests
  into v_answer.user_id, v_answer.rate_limit, v_answer.rate_remaining;
  if found then
    v_setting := set_config('request.jwt.claims',
      '{"sub": "' || v_answer.user_id || '", "role": "authenticated"}', true);
    v_answer.rate_reset := extract(epoch from v_hour)::bigint + 3600;
  else
    v_answer := private.count_request(private.begin_request(p_api_key, p_claims));
    if v_answer.verdict <> 'ok' then
      return v_answer;
    end if;
  end if;

  select
    case when j.version is distinct from p_known_version then row_to_json(j)::text end,
    j.id, j.status, j.version,
    case when j.completed_at is null
      then extract(epoch from v_now - coalesce(j.started_at, j.created_at)) end
  into v_answer.body, v_answer.job_id, v_answer.job_status, v_answer.job_version, v_answer.job_age
  from public.index_jobs as j
  where j.id = v_job_id;
  v_answer.verdict := case when found then 'ok' else 'PT404' end;
  return v_answer;
end;
$$;
comment on function public.api_get_job_status(text, jsonb, text, bigint) is
  'Answers GET /jobs/{id}.';
alter function public.api_get_job_status(text, jsonb, text, bigint) owner to job_gateway;
revoke all on function public.api_get_job_status(text, jsonb, text, bigint)
  from public, anon, authenticated, service_role;
grant execute on function public.api_get_job_status(text, jsonb, text, bigint)
  to job_http, service_role;
-- end stamp
-- stamp: db/functions/api_job_counts.sql
create or replace function public.api_job_counts(
  p_api_key text,
  p_claims jsonb,
  p_organization text default null,
  p_since text default null
)
returns private.api_answer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
  v_answer private.api_answer;
begin
  perform set_config('synchronous_commit', 'off', true);
  v_answer := private.count_request(private.begin_request(p_api_key, p_claims));
  if v_answer.verdict <> 'ok' then
    return v_answer;
  end if;

  begin
    select row_to_json(c)::text into v_answer.body
    from public.job_counts(
      p_organization_id => case
        when p_organization is not null then private.find_organization(p_organization) end,
      p_since => private.parse_since(p_since)) as c;
  exception when sqlstate 'PT422' then
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
comment on function public.api_job_counts(text, jsonb, text, text) is 'Answers GET /jobs/counts.';
alter function public.api_job_counts(text, jsonb, text, text) owner to job_gateway;
revoke all on function public.api_job_counts(text, jsonb, text, text)
  from public, anon, authenticated, service_role;
grant execute on function public.api_job_counts(text, jsonb, text, text)
  to job_http, service_role;
-- end stamp
-- stamp: db/functions/api_job_load.sql
create or replace function public.api_job_load()
returns private.api_answer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_jobs json := private.job_counters() -> 'jobs';
  v_gauges json := private.job_gauges();
  v_now numeric := extract(epoch from private.clock());
  v_answer private.api_answer;
begin
  v_answer.verdict := 'ok';
  v_answer.body := json_build_object(
    'queued', json_build_object(
      'total', v_jobs -> 'pending',
      'oldest', greatest(
        round(coalesce(v_now - (v_gauges ->> 'oldest_claimable')::numeric, 0), 1), 0)),
    'running', json_build_object(
      'total', v_jobs -> 'processing',
      'oldest', greatest(
        round(coalesce(v_now - (v_gauges ->> 'oldest_processing')::numeric, 0), 1), 0)),
    'slots', (v_gauges #>> '{slots,busy}')::integer + (v_gauges #>> '{slots,free}')::integer)::text;
  return v_answer;
end;
$$;
comment on function public.api_job_load() is 'Returns the load as JSON, for autoscalers.';
alter function public.api_job_load() owner to job_writer;
revoke all on function public.api_job_load() from public, anon, authenticated, service_role;
grant execute on function public.api_job_load() to job_http, service_role;
-- end stamp
-- stamp: db/functions/api_job_metrics.sql
create or replace function public.api_job_metrics()
returns private.api_answer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_most integer := 20000;
  v_answer private.api_answer;
begin
  v_answer.verdict := 'ok';
  if private.fold_job_metrics(p_most => v_most) is distinct from v_most then
    v_answer.body := (private.job_counters()::jsonb || private.job_gauges()::jsonb)::text;
  end if;
  return v_answer;
end;
$$;
comment on function public.api_job_metrics() is 'Returns the job metrics for /metrics, as JSON.';
alter function public.api_job_metrics() owner to job_writer;
revoke all on function public.api_job_metrics() from public, anon, authenticated, service_role;
grant execute on function public.api_job_metrics() to job_http, service_role;
-- end stamp
-- stamp: db/functions/api_list_index_jobs.sql
create or replace function public.api_list_index_jobs(
  p_api_key text,
  p_claims jsonb,
  p_organization text default null,
  p_repository text default null,
  p_status text default null,
  p_since text default null,
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
  v_answer private.api_answer;
  v_organization_id uuid;
  v_repository_id uuid;
  v_jobs json;
  v_last_id uuid;  -- of a full page
  v_last_created_at timestamptz;
begin
  perform set_config('synchronous_commit', 'off', true);
  v_answer := private.count_request(private.begin_request(p_api_key, p_claims));
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
        and case when v_organization_id is null then r.owner_user_id = private.current_user_id()
          else r.organization_id = v_organization_id end;
      if not found then
        raise exception 'repository is unknown'
          using errcode = 'PT422', detail = 'unknown_repository', column = 'repository',
            hint = 'Name one of your repositories, or one of the organization that you name.';
      end if;
    end if;
    select
      coalesce(json_agg(row_to_json(j) order by j.created_at desc, j.id desc), '[]'),
      (array_agg(j.id order by j.created_at desc, j.id desc))[p_limit],
      min(j.created_at),
      min(extract(epoch from private.clock() - coalesce(j.started_at, j.created_at)))
        filter (where j.completed_at is null)
    into v_jobs, v_last_id, v_last_created_at, v_answer.job_age
    from public.list_index_jobs(
      p_organization_id => v_organization_id,
      p_repository_id => v_repository_id,
      p_status => p_status,
      p_since => private.parse_since(p_since),
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
  v_answer.next_cursor := to_json(v_last_created_at) #>> '{}' || ',' || v_last_id;
  v_answer.body := json_build_object('jobs', v_jobs, 'next_cursor', v_answer.next_cursor)::text;
  return v_answer;
end;
$$;
comment on function
  public.api_list_index_jobs(text, jsonb, text, text, text, text, text, integer) is
  'Answers GET /jobs.';
alter function
  public.api_list_index_jobs(text, jsonb, text, text, text, text, text, integer)
  owner to job_gateway;
revoke all on function
  public.api_list_index_jobs(text, jsonb, text, text, text, text, text, integer)
  from public, anon, authenticated, service_role;
grant execute on function
  public.api_list_index_jobs(text, jsonb, text, text, text, text, text, integer)
  to job_http, service_role;
-- end stamp
-- stamp: db/functions/api_list_indexed_files.sql
create or replace function public.api_list_indexed_files(
  p_api_key text,
  p_claims jsonb,
  p_job_id text,
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
  v_answer private.api_answer;
  v_commit public.indexed_commits;
  v_rows json;
begin
  perform set_config('synchronous_commit', 'off', true);
  v_answer := private.count_request(private.begin_request(p_api_key, p_claims));
  if v_answer.verdict <> 'ok' then
    return v_answer;
  end if;

  begin
    v_commit := private.stored_commit_of_job(p_job_id);
    select
      coalesce(json_agg(json_build_object(
        'path', r.path, 'language', r.language, 'bytes', r.bytes, 'blob_sha', r.blob_sha,
        'symbol_count', r.symbol_count) order by r.ordinality), '[]'),
      (array_agg(r.cursor order by r.ordinality))[p_limit]
    into v_rows, v_answer.next_cursor
    from public.list_indexed_files(
      p_repository_id => v_commit.repository_id,
      p_cursor => p_cursor,
      p_limit => p_limit
    ) with ordinality as r;
  exception when sqlstate 'PT404' or sqlstate 'PT409' or sqlstate 'PT422' then
    get stacked diagnostics
      v_answer.verdict = returned_sqlstate,
      v_answer.code = pg_exception_detail,
      v_answer.message = message_text,
      v_answer.hint = pg_exception_hint,
      v_answer.field = column_name;
    return v_answer;
  end;
  v_answer.body := json_build_object(
    'job_id', v_commit.job_id, 'commit_sha', v_commit.commit_sha, 'files', v_rows,
    'next_cursor', v_answer.next_cursor)::text;
  return v_answer;
end;
$$;
comment on function public.api_list_indexed_files(text, jsonb, text, text, integer) is
  'Answers GET /jobs/{id}/files.';
alter function public.api_list_indexed_files(text, jsonb, text, text, integer) owner to job_gateway;
revoke all on function public.api_list_indexed_files(text, jsonb, text, text, integer)
  from public, anon, authenticated, service_role;
grant execute on function public.api_list_indexed_files(text, jsonb, text, text, integer)
  to job_http, service_role;
-- end stamp
-- stamp: db/functions/api_list_skipped_files.sql
create or replace function public.api_list_skipped_files(
  p_api_key text,
  p_claims jsonb,
  p_job_id text,
  p_reason text default null,
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
  v_answer private.api_answer;
  v_commit public.indexed_commits;
  v_rows json;
begin
  perform set_config('synchronous_commit', 'off', true);
  v_answer := private.count_request(private.begin_request(p_api_key, p_claims));
  if v_answer.verdict <> 'ok' then
    return v_answer;
  end if;

  begin
    v_commit := private.stored_commit_of_job(p_job_id);
    select
      coalesce(json_agg(json_build_object(
        'path', r.path, 'reason', r.reason) order by r.ordinality), '[]'),
      (array_agg(r.cursor order by r.ordinality))[p_limit]
    into v_rows, v_answer.next_cursor
    from public.list_skipped_files(
      p_repository_id => v_commit.repository_id,
      p_reason => p_reason,
      p_cursor => p_cursor,
      p_limit => p_limit
    ) with ordinality as r;
  exception when sqlstate 'PT404' or sqlstate 'PT409' or sqlstate 'PT422' then
    get stacked diagnostics
      v_answer.verdict = returned_sqlstate,
      v_answer.code = pg_exception_detail,
      v_answer.message = message_text,
      v_answer.hint = pg_exception_hint,
      v_answer.field = column_name;
    return v_answer;
  end;
  v_answer.body := json_build_object(
    'job_id', v_commit.job_id, 'commit_sha', v_commit.commit_sha, 'skipped', v_rows,
    'next_cursor', v_answer.next_cursor)::text;
  return v_answer;
end;
$$;
comment on function public.api_list_skipped_files(text, jsonb, text, text, text, integer) is
  'Answers GET /jobs/{id}/skipped.';
alter function public.api_list_skipped_files(text, jsonb, text, text, text, integer)
  owner to job_gateway;
revoke all on function public.api_list_skipped_files(text, jsonb, text, text, text, integer)
  from public, anon, authenticated, service_role;
grant execute on function public.api_list_skipped_files(text, jsonb, text, text, text, integer)
  to job_http, service_role;
-- end stamp
-- stamp: db/functions/api_recheck_followers.sql
create or replace function public.api_recheck_followers(
  p_api_keys text[],
  p_all_claims text[],
  p_job_ids uuid[]
)
returns private.api_answer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
  v_caller record;
  v_gone bigint[] := '{}';
  v_answer private.api_answer;
begin
  perform set_config('synchronous_commit', 'off', true);
  for v_caller in
    select f.api_key, f.claims, array_agg(f.job_id) as job_ids, array_agg(f.place) as places
    from unnest(p_api_keys, p_all_claims, p_job_ids) with ordinality as f (
      api_key, claims, job_id, place)
    group by f.api_key, f.claims
  loop
    if (private.begin_request(v_caller.api_key, v_caller.claims::jsonb)).user_id is null then
      v_gone := v_gone || v_caller.places;
    else
      v_gone := v_gone || array(
        select f.place
        from unnest(v_caller.job_ids, v_caller.places) as f (job_id, place)
        where not exists (select from public.index_jobs as j where j.id = f.job_id));
    end if;
  end loop;
  v_answer.verdict := 'ok';
  v_answer.body := nullif(array_to_json(v_gone)::text, '[]');
  return v_answer;
end;
$$;
comment on function public.api_recheck_followers(text[], text[], uuid[]) is
  'Returns which clients may no longer follow their index job.';
alter function public.api_recheck_followers(text[], text[], uuid[]) owner to job_gateway;
revoke all on function public.api_recheck_followers(text[], text[], uuid[])
  from public, anon, authenticated, service_role;
grant execute on function public.api_recheck_followers(text[], text[], uuid[])
  to job_http, service_role;
-- end stamp
-- stamp: db/functions/api_schema_version.sql
create or replace function public.api_schema_version()
returns table (version text, serves text, is_writable boolean)
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select
    substring(c.comment from 'schema version ([0-9]{14})'),
    substring(c.comment from 'serves ([0-9]{14})'),
    not pg_is_in_recovery()
      and current_setting('transaction_read_only') = 'off'
      and current_setting('default_transaction_read_only') = 'off'
  from (select obj_description('private'::regnamespace, 'pg_namespace')) as c (comment);
$$;
comment on function public.api_schema_version() is
  'The newest migration applied, the oldest code it supports, and whether a session can write.';
revoke all on function public.api_schema_version() from public, anon, authenticated, service_role;
grant execute on function public.api_schema_version() to job_http, service_role;
-- end stamp
-- stamp: db/functions/api_set_repository_url.sql
create or replace function public.api_set_repository_url(
  p_api_key text,
  p_claims jsonb,
  p_repository_id text,
  p_git_url text,
  p_git_base_url text default 'https://github.com/',
  p_local_url text default null
)
returns private.api_answer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
  v_answer private.api_answer;
begin
  v_answer := private.count_request(private.begin_request(p_api_key, p_claims));
  if v_answer.verdict <> 'ok' then
    return v_answer;
  end if;

  begin
    select row_to_json(r)::text into v_answer.body
    from private.parse_repository(
      p_repository => case when p_local_url is null then p_git_url else 'local/folder' end,
      p_git_base_url => p_git_base_url,
      p_local_url => p_local_url) as n
    cross join lateral public.set_repository_url(
      p_repository_id => private.parse_uuid(p_repository_id),
      p_git_url => n.git_url) as r;
  exception when sqlstate 'PT403' or sqlstate 'PT404' or sqlstate 'PT422' then
    get stacked diagnostics
      v_answer.verdict = returned_sqlstate,
      v_answer.code = pg_exception_detail,
      v_answer.message = message_text,
      v_answer.hint = pg_exception_hint,
      v_answer.field = column_name;
    v_answer.field := case v_answer.field when 'repository' then 'git_url' else v_answer.field end;
  end;
  return v_answer;
end;
$$;
comment on function public.api_set_repository_url(text, jsonb, text, text, text, text) is
  'Answers PATCH /repositories/{id}.';
alter function public.api_set_repository_url(text, jsonb, text, text, text, text)
  owner to job_gateway;
revoke all on function public.api_set_repository_url(text, jsonb, text, text, text, text)
  from public, anon, authenticated, service_role;
grant execute on function public.api_set_repository_url(text, jsonb, text, text, text, text)
  to job_http, service_role;
-- end stamp
-- stamp: db/functions/api_status.sql
create or replace function public.api_status()
returns private.api_answer
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_free_for interval := private.clock() - private.oldest_claimable();
  v_answer private.api_answer;
begin
  v_answer.verdict := 'ok';
  v_answer.body := json_build_object(
    'runners', case
      when v_free_for is null or exists (
        select
        from private.runners as r
        where r.seen_at > private.clock() - interval '15 seconds')
        then 'pass'
      else 'fail'
    end,
    'waiting', case
      when v_free_for >= interval '30 minutes' then 'fail'
      when v_free_for >= interval '2 minutes' then 'warn'
      else 'pass'
    end)::text;
  return v_answer;
end;
$$;
comment on function public.api_status() is 'Returns the public status of the service, as JSON.';
alter function public.api_status() owner to job_writer;
revoke all on function public.api_status() from public, anon, authenticated, service_role;
grant execute on function public.api_status() to job_http, service_role;
-- end stamp
-- stamp: db/functions/api_watch_jobs.sql
create or replace function public.api_watch_jobs(p_job_ids uuid[], p_versions bigint[])
returns private.api_answer
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
  v_answer private.api_answer;
begin
  v_answer.verdict := 'ok';
  v_answer.body := (
    select json_agg(json_build_array(w.id, j.version, e.version))::text
    from unnest(p_job_ids, p_versions) as w (id, version)
    left join public.index_jobs as j on j.id = w.id
    left join lateral (
      select e.version
      from public.index_job_events as e
      where e.job_id = j.id
      order by e.event_no desc
      limit 1) as e on j.version > w.version
    where j.id is null or j.version > w.version);
  return v_answer;
end;
$$;
comment on function public.api_watch_jobs(uuid[], bigint[]) is
  'Returns which of the given index jobs have changed.';
alter function public.api_watch_jobs(uuid[], bigint[]) owner to job_writer;
revoke all on function public.api_watch_jobs(uuid[], bigint[])
  from public, anon, authenticated, service_role;
grant execute on function public.api_watch_jobs(uuid[], bigint[]) to job_http, service_role;
-- end stamp
-- stamp: db/functions/begin_index.sql
create or replace function public.begin_index(p_job_id uuid, p_attempt integer, p_extractor text)
returns table (git_url text, base_job_id uuid, base_commit_sha text, base_stats jsonb)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_job public.index_jobs;
begin
  select j.* into v_job from public.index_jobs as j where j.id = p_job_id;
  if not found then
    raise exception 'index job not found' using errcode = 'PT404';
  end if;
  perform private.check_attempt(v_job, p_attempt);
  if v_job.status <> 'processing' then
    raise exception 'the job is %', v_job.status
      using errcode = 'PT409', detail = 'not_processing', column = 'job_id',
        hint = 'Stop working on the job.';
  end if;

  return query
  select r.git_url, c.job_id, c.commit_sha, c.stats
  from public.repositories as r
  left join private.read_indexed_commit(v_job.repository_id, p_extractor) as c on true
  where r.id = v_job.repository_id;
end;
$$;
comment on function public.begin_index(uuid, integer, text) is
  'Returns where to clone the repository of a job from, and what is already stored.';
alter function public.begin_index(uuid, integer, text) owner to job_writer;
revoke all on function public.begin_index(uuid, integer, text)
  from public, anon, authenticated, service_role;
grant execute on function public.begin_index(uuid, integer, text) to job_worker, service_role;
-- end stamp
-- stamp: db/functions/begin_queue_attempt.sql
create or replace function public.begin_queue_attempt(
  p_job_id uuid,
  p_queue_job_id uuid,
  p_queue_attempt integer,
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
  v_worker_id uuid := private.parse_worker_id(p_worker_id);
  v_job public.index_jobs;
  v_last integer;
  v_now timestamptz;
begin
  if p_worker_id is null then
    raise exception 'worker_id is missing'
      using errcode = 'PT422', detail = 'missing_worker_id', column = 'worker_id',
        hint = 'Pass a random UUID, created when the worker starts.';
  end if;
  if coalesce(p_queue_attempt, -1) < 0 then
    raise exception 'queue_attempt must be 0 or more'
      using errcode = 'PT422', detail = 'invalid_queue_attempt', column = 'queue_attempt',
        hint = 'Pass how many times the queue has run the job before, such as retryCount.';
  end if;
  perform private.check_lease(coalesce(p_lease, '-1 second'));

  select j.* into v_job
  from public.link_queue_job(p_job_id => p_job_id, p_queue_job_id => p_queue_job_id) as j;
  v_now := greatest(private.clock(), v_job.updated_at);
  if private.is_final(v_job.status) then
    raise exception 'the job is %', v_job.status
      using errcode = 'PT409', detail = 'not_processing', column = 'job_id',
        hint = 'Stop working on the job.';
  end if;
  select a.queue_attempt into v_last
  from private.queue_attempts as a
  where a.job_id = v_job.id;
  if p_queue_attempt < v_last or p_queue_attempt = v_last and v_job.retry_at is not null then
    raise exception 'run % of the queue is over', p_queue_attempt
      using errcode = 'PT409', detail = 'stale_attempt', column = 'queue_attempt',
        hint = 'Stop working on the job: the queue runs it again, or another worker has it.';
  end if;
  if p_queue_attempt = v_last and v_job.worker_id = v_worker_id then
    return next v_job;
    return;
  end if;
  if p_queue_attempt = v_last and v_job.worker_id is not null then
    raise exception 'another worker has started the job'
      using errcode = 'PT409', detail = 'already_processing', column = 'worker_id',
        hint = 'Stop working on the job.';
  end if;
  if v_job.cancel_requested_at is not null then
    perform from private.end_attempt(v_job, v_now, null, true);
    return;
  end if;
  return query
  select j.*
  from private.start_queue_attempt(
    v_job, v_now, p_queue_attempt, v_worker_id, v_now + p_lease) as j;
end;
$$;
comment on function public.begin_queue_attempt(uuid, uuid, integer, text, interval) is
  'Starts the attempt of an index job that an external queue runs.';
alter function public.begin_queue_attempt(uuid, uuid, integer, text, interval)
  owner to job_writer;
revoke all on function public.begin_queue_attempt(uuid, uuid, integer, text, interval)
  from public, anon, authenticated, service_role;
grant execute on function public.begin_queue_attempt(uuid, uuid, integer, text, interval)
  to job_worker, service_role;
-- end stamp
-- stamp: db/functions/cancel_index_job.sql
create or replace function public.cancel_index_job(p_job_id uuid)
returns setof public.index_jobs
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  perform private.cancel_index_job(p_job_id => p_job_id);
  return query select j.* from public.get_job_status(p_job_id => p_job_id) as j;
end;
$$;
comment on function public.cancel_index_job(uuid) is 'Cancels an index job, or asks its worker to.';
revoke all on function public.cancel_index_job(uuid) from public, anon, authenticated, service_role;
grant execute on function public.cancel_index_job(uuid) to authenticated;
-- end stamp
-- stamp: db/functions/claim_index_job.sql
create or replace function public.claim_index_job(
  p_worker_id text,
  p_lease interval default interval '30 seconds',
  p_except_tenant_ids uuid[] default '{}'
)
returns setof public.index_jobs
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_worker_id uuid := private.parse_worker_id(p_worker_id);
  v_job public.index_jobs;
  v_clock timestamptz;
  v_now timestamptz;
begin
  if p_worker_id is null then
    raise exception 'worker_id is missing'
      using errcode = 'PT422', detail = 'missing_worker_id', column = 'worker_id',
        hint = 'Pass a random UUID, created when the worker starts.';
  end if;
  perform private.check_lease(coalesce(p_lease, '-1 second'));
  perform private.see_worker(p_worker_id => v_worker_id);

  v_job := private.lock_next_job(p_except => coalesce(p_except_tenant_ids, '{}'));
  v_clock := private.clock();
  v_now := greatest(v_clock, v_job.updated_at);
  return query
  update public.index_jobs as j
  set status = 'processing',
    attempt = j.attempt + 1,
    worker_id = v_worker_id,
    progress = null,
    last_error = case when j.lease_expires_at > j.heartbeat_at then 'the worker was lost'
      else j.last_error end,
    started_at = coalesce(j.started_at, v_now),
    heartbeat_at = v_clock,
    lease_expires_at = v_clock + p_lease,
    retry_at = null,
    updated_at = v_now,
    version = j.version + 1
  where j.id = v_job.id
  returning j.*;
end;
$$;
comment on function public.claim_index_job(text, interval, uuid[]) is
  'Claims the next index job for a worker, tenants in turn.';
alter function public.claim_index_job(text, interval, uuid[]) owner to job_writer;
revoke all on function public.claim_index_job(text, interval, uuid[])
  from public, anon, authenticated, service_role;
grant execute on function public.claim_index_job(text, interval, uuid[])
  to job_worker, service_role;
-- end stamp
-- stamp: db/functions/complete_index.sql
create or replace function public.complete_index(
  p_job_id uuid,
  p_attempt integer,
  p_worker_id text,
  p_extractor text,
  p_base_job_id uuid default null,
  p_commit_sha text default null,
  p_stats jsonb default null,
  p_phase text default null,
  p_done bigint default null,
  p_total bigint default null
)
returns text
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_commit_sha text := lower(p_commit_sha);
  v_stats jsonb := p_stats;
  v_phase text := p_phase;
  v_done bigint := p_done;
  v_total bigint := p_total;
  v_result text := 'stored';
  v_job public.index_jobs;
  v_base public.indexed_commits;
begin
  if coalesce(btrim(p_extractor), '') = '' or length(p_extractor) > 200 then
    raise exception 'extractor is empty or longer than 200 characters'
      using errcode = 'PT422', detail = 'invalid_extractor', column = 'extractor',
        hint = 'Pass a name and a version that change with the rows it makes.';
  end if;
  perform private.check_job_metadata('completed',
    jsonb_build_object('commit_sha', p_commit_sha, 'stats', coalesce(p_stats, '{}')));

  v_job := private.lock_repository_of_job(p_job_id, p_attempt);
  if v_job.status = 'completed' then
    v_result := case when v_job.stats ? 'reused_job_id' then 'reused' else 'stored' end;
    if v_job.commit_sha is distinct from v_commit_sha
      or v_result = 'stored' and v_job.stats is distinct from p_stats
    then
      raise exception 'the job already ended with a different result'
        using errcode = 'PT409', detail = 'conflicting_repeat', column = 'stats',
          hint = 'The first result is final; read it with get_job_status.';
    end if;
    perform private.delete_incoming_rows();
    return v_result;
  end if;

  select c.* into v_base
  from private.read_indexed_commit(v_job.repository_id, p_extractor) as c;
  if v_base.commit_sha = v_commit_sha then
    v_result := 'reused';
    v_stats := v_base.stats || jsonb_build_object(
      'files_unchanged', v_base.stats -> 'files_indexed',
      'reused', true,
      'reused_job_id', v_base.job_id);
    v_phase := 'symbols';
    v_done := (v_base.stats ->> 'files_indexed')::bigint
      + coalesce((v_base.stats ->> 'files_skipped')::bigint, 0);
    v_total := v_done;
  elsif p_stats is null
    or p_base_job_id is not null and p_base_job_id is distinct from v_base.job_id
  then
    perform private.delete_incoming_rows();
    return 'base_changed';
  else
    perform private.store_index(v_job, p_base_job_id is not null, p_stats);
    insert into public.indexed_commits (repository_id, job_id, commit_sha, extractor, stats)
    values (v_job.repository_id, v_job.id, v_commit_sha, p_extractor, p_stats)
    on conflict (repository_id) do update
    set job_id = excluded.job_id,
      commit_sha = excluded.commit_sha,
      extractor = excluded.extractor,
      stats = excluded.stats;
  end if;
  perform private.delete_incoming_rows();

  -- The job is locked last, so that other calls for it wait only briefly.
  perform from public.report_job_progress(
    p_job_id => p_job_id, p_attempt => p_attempt,
    p_phase => v_phase, p_done => v_done, p_total => v_total);
  select j.* into v_job
  from public.update_job_status(
    p_job_id => p_job_id, p_status => 'completed', p_attempt => p_attempt,
    p_worker_id => p_worker_id,
    p_metadata => jsonb_build_object('stats', v_stats, 'commit_sha', v_commit_sha)) as j;
  perform private.record_index_duration(v_job);
  return v_result;
end;
$$;
comment on function public.complete_index(
  uuid, integer, text, text, uuid, text, jsonb, text, bigint, bigint) is
  'Stores the rows of an index and completes its job, both or neither.';
alter function public.complete_index(
  uuid, integer, text, text, uuid, text, jsonb, text, bigint, bigint) owner to job_writer;
revoke all on function public.complete_index(
  uuid, integer, text, text, uuid, text, jsonb, text, bigint, bigint)
  from public, anon, authenticated, service_role;
grant execute on function public.complete_index(
  uuid, integer, text, text, uuid, text, jsonb, text, bigint, bigint) to job_worker, service_role;
-- end stamp
-- stamp: db/functions/create_api_key.sql
create or replace function public.create_api_key(p_name text, p_expires_at timestamptz default null)
returns table (
  key_id text, api_key text, name text, expires_at timestamptz, created_at timestamptz
)
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  select k.key_id, k.api_key, k.name, k.expires_at, k.created_at
  from private.create_api_key(p_name => p_name, p_expires_at => p_expires_at) as k;
end;
$$;
comment on function public.create_api_key(text, timestamptz) is
  'Creates an API key for the caller and returns its secret once.';
revoke all on function public.create_api_key(text, timestamptz)
  from public, anon, authenticated, service_role;
grant execute on function public.create_api_key(text, timestamptz) to authenticated;
-- end stamp
-- stamp: db/functions/create_index_job.sql
create or replace function public.create_index_job(
  p_repository_id uuid,
  p_ref text default null,
  p_commit_sha text default null,
  p_idempotency_key text default null
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
  if pg_has_role(current_user, 'service_role', 'usage') then
    v_job_id := private.insert_index_job(
      p_repository_id => p_repository_id,
      p_ref => p_ref,
      p_commit_sha => p_commit_sha,
      p_idempotency_key => p_idempotency_key,
      p_created_by => null);
  else
    v_job_id := private.create_index_job(
      p_repository_id => p_repository_id,
      p_ref => p_ref,
      p_commit_sha => p_commit_sha,
      p_idempotency_key => p_idempotency_key);
  end if;
  return query select j.* from public.index_jobs as j where j.id = v_job_id;
  if not found then  -- an earlier request's job, which the caller may no longer see
    raise exception 'index job not found' using errcode = 'PT404';
  end if;
end;
$$;
comment on function public.create_index_job(uuid, text, text, text) is
  'Creates a pending index job, once per idempotency key.';
revoke all on function public.create_index_job(uuid, text, text, text)
  from public, anon, authenticated, service_role;
grant execute on function public.create_index_job(uuid, text, text, text)
  to authenticated, service_role;
-- end stamp
-- stamp: db/functions/ensure_repository.sql
create or replace function public.ensure_repository(
  p_full_name text,
  p_git_url text default null,
  p_organization_id uuid default null
)
returns setof public.repositories
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id uuid := private.current_user_id();
  v_git_url text := private.normal_git_url(p_git_url);
  v_owner_user_id uuid := case when p_organization_id is null then v_user_id end;
  v_repository public.repositories;
begin
  -- existing rows were checked before; RLS hides names of other tenants
  select r.* into v_repository
  from public.repositories as r
  where r.full_name = p_full_name
    and (r.owner_user_id = v_owner_user_id or r.organization_id = p_organization_id);
  if found and (p_git_url is null or v_git_url = v_repository.git_url) then
    return next v_repository;
    return;
  end if;

  if private.is_repository_name(p_full_name) is not true then
    raise exception 'full_name is not of the form owner/name'
      using errcode = 'PT422', detail = 'invalid_repository', column = 'full_name',
        hint = 'Use letters, digits, ., _ and -, with at least one slash.';
  end if;
  if not private.is_git_url(v_git_url) then
    raise exception 'git_url is neither an https URL without credentials nor an absolute path'
      using errcode = 'PT422', detail = 'invalid_git_url', column = 'git_url',
        hint = 'Pass a URL such as https://example.org/owner/name.git.';
  end if;
  if p_organization_id is not null and not exists (
    select from public.organization_members as m
    where m.organization_id = p_organization_id and m.user_id = v_user_id)
  then
    raise exception 'organization is unknown'
      using errcode = 'PT422', detail = 'unknown_organization', column = 'organization',
        hint = 'Name an organization that you are a member of.';
  end if;

  loop
    select r.* into v_repository
    from public.repositories as r
    where r.full_name = p_full_name
      and (r.owner_user_id = v_owner_user_id or r.organization_id = p_organization_id);
    exit when found;
    if p_git_url is null then
      raise exception 'git_url is missing and there is no such repository'
        using errcode = 'PT422', detail = 'missing_git_url', column = 'git_url',
          hint = 'Pass the URL to clone from.';
    end if;
    insert into public.repositories (full_name, git_url, owner_user_id, organization_id)
    values (p_full_name, v_git_url, v_owner_user_id, p_organization_id)
    on conflict do nothing
    returning * into v_repository;
    exit when found;
  end loop;

  if not private.is_same_git_url(v_git_url, v_repository.git_url) then
    raise exception 'the repository with this name has a different address'
      using errcode = 'PT409', detail = 'repository_url_differs', column = 'git_url',
        hint = 'If the repository has moved, correct its address with PATCH /repositories/{id} or '
          'set_repository_url; the id is in its jobs. If it is another one, use another name.';
  end if;
  return next v_repository;
end;
$$;
comment on function public.ensure_repository(text, text, uuid) is
  'Returns the repository of that name, and creates it if there is none.';
revoke all on function public.ensure_repository(text, text, uuid)
  from public, anon, authenticated, service_role;
grant execute on function public.ensure_repository(text, text, uuid) to authenticated;
-- end stamp
-- stamp: db/functions/explain_index_job.sql
create or replace function public.explain_index_job(p_job_id uuid)
returns table (
  reason text, sentence text, "position" integer, own_ahead integer, until timestamptz,
  eta_p50 double precision, eta_p90 double precision, eta_basis text, eta_samples integer
)
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  perform from public.get_job_status(p_job_id => p_job_id);
  if pg_has_role(current_user, 'service_role', 'usage') then
    return query select e.* from private.explain_any_job(p_job_id => p_job_id) as e;
  else
    return query select e.* from private.explain_index_job(p_job_id => p_job_id) as e;
  end if;
end;
$$;
comment on function public.explain_index_job(uuid) is
  'Explains the current state of an index job, its place in line and when it may end.';
revoke all on function public.explain_index_job(uuid)
  from public, anon, authenticated, service_role;
grant execute on function public.explain_index_job(uuid) to authenticated, service_role;
-- end stamp
-- stamp: db/functions/fail_job_attempt.sql
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
        hint = 'Pass true if another attempt may succeed, otherwise false.';
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
    raise exception 'the job already failed with a different error'
      using errcode = 'PT409', detail = 'conflicting_repeat', column = 'error',
        hint = 'The first result is final; read it with get_job_status.';
  end if;
  if v_job.status <> 'processing' then
    raise exception 'the job is %', v_job.status
      using errcode = 'PT409', detail = 'not_processing', column = 'job_id',
        hint = 'Stop working on the job.';
  end if;

  return query select j.* from private.end_attempt(v_job, v_now, v_error, p_retryable) as j;
end;
$$;
comment on function public.fail_job_attempt(uuid, integer, text, boolean) is
  'Ends a failed attempt of an index job, which is then retried or fails.';
alter function public.fail_job_attempt(uuid, integer, text, boolean) owner to job_writer;
revoke all on function public.fail_job_attempt(uuid, integer, text, boolean)
  from public, anon, authenticated, service_role;
grant execute on function public.fail_job_attempt(uuid, integer, text, boolean)
  to job_worker, service_role;
-- end stamp
-- stamp: db/functions/find_symbols.sql
create or replace function public.find_symbols(
  p_repository_id uuid,
  p_name text default null,
  p_prefix text default null,
  p_cursor text default null,
  p_limit integer default 20
)
returns table (
  name text, kind text, path text, language text, start_line integer, end_line integer,
  parent text, job_id uuid, commit_sha text, cursor text
)
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan
set enable_bitmapscan = off
set enable_sort = off
as $$
declare
  v_commit public.indexed_commits;
  v_prefix text := coalesce(p_prefix, '');
  v_name text;
  v_id bigint;
begin
  perform private.check_page(p_limit);
  if p_name is not null and p_prefix is not null then
    raise exception 'name and prefix cannot be combined'
      using errcode = 'PT422', detail = 'name_and_prefix', column = 'prefix',
        hint = 'Send name for one exact name, or prefix for all names that start with it.';
  end if;
  select c.place, c.id into v_name, v_id from private.parse_row_cursor(p_cursor) as c;
  v_commit := private.stored_commit(p_repository_id);

  if p_name is not null then
    return query
    select p.name, p.kind, f.path, f.language, p.start_line, p.end_line, p.parent,
      v_commit.job_id, v_commit.commit_sha, private.row_cursor(p.name, p.id)
    from (
      select s.*
      from public.symbols as s
      where (s.repository_id, s.name collate "C", s.id) > (p_repository_id, p_name, v_id)
        and (s.repository_id, s.name collate "C") <= (p_repository_id, p_name)
      order by s.repository_id, s.name collate "C", s.id
      limit p_limit) as p
    join public.indexed_files as f on f.id = p.file_id
    order by p.repository_id, p.name collate "C", p.id;
    return;
  end if;

  if v_name collate "C" < v_prefix then
    v_name := v_prefix;
    v_id := 0;
  end if;
  return query
  select p.name, p.kind, f.path, f.language, p.start_line, p.end_line, p.parent,
    v_commit.job_id, v_commit.commit_sha, private.row_cursor(p.name, p.id)
  from (
    select s.*
    from public.symbols as s
    where s.repository_id = p_repository_id
      and (s.name collate "C", s.id) > (v_name, v_id)
      and starts_with(s.name collate "C", v_prefix)
    order by s.name collate "C", s.id
    limit p_limit) as p
  join public.indexed_files as f on f.id = p.file_id
  order by p.name collate "C", p.id;
end;
$$;
comment on function public.find_symbols(uuid, text, text, text, integer) is
  'Finds the symbols of a repository by exact name or prefix, page by page.';
revoke all on function public.find_symbols(uuid, text, text, text, integer)
  from public, anon, authenticated, service_role;
grant execute on function public.find_symbols(uuid, text, text, text, integer)
  to authenticated, service_role;
-- end stamp
-- stamp: db/functions/get_job_history.sql
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
revoke all on function public.get_job_history(uuid) from public, anon, authenticated, service_role;
grant execute on function public.get_job_history(uuid) to authenticated, service_role;
-- end stamp
-- stamp: db/functions/job_counts.sql
create or replace function public.job_counts(
  p_organization_id uuid default null,
  p_since timestamptz default null
)
returns table (
  pending integer, processing integer, completed integer, failed integer, cancelled integer,
  oldest_pending_at timestamptz, wait_p50 double precision, wait_p95 double precision,
  duration_p50 double precision, duration_p95 double precision
)
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
set enable_bitmapscan = off
set enable_sort = off
as $$
declare
  v_now timestamptz := private.clock();
  v_since timestamptz := coalesce(p_since, v_now - interval '24 hours');
  v_tenant_id uuid := coalesce(p_organization_id, private.current_user_id());
begin
  if v_since < v_now - interval '30 days' then
    raise exception 'since is more than 30 days ago'
      using errcode = 'PT422', detail = 'invalid_since', column = 'since',
        hint = 'Send a time in the last 30 days, or leave it out for the last 24 hours.';
  end if;

  select
    max(c.jobs) filter (where s.state = 0),
    max(c.jobs) filter (where s.state = 1),
    max(c.jobs) filter (where s.state = 2),
    max(c.jobs) filter (where s.state = 3),
    min(c.oldest) filter (where s.state = 0)
  into pending, processing, cancelled, failed, oldest_pending_at
  from (values (0, timestamptz '-infinity'), (1, '-infinity'), (2, v_since), (3, v_since))
    as s (state, since)
  cross join lateral (
    select count(*), min(n.created_at)
    from (
      select j.created_at
      from public.index_jobs as j
      where j.tenant_id = v_tenant_id
        and j.status <> 'completed'
        and case when j.completed_at is null then case when j.started_at is null then 0 else 1 end
          when j.error_message is null then 2 else 3 end = s.state
        and j.created_at >= s.since
      order by j.created_at, j.id
      limit 1000) as n) as c (jobs, oldest);

  completed := (
    select count(*)
    from (
      select
      from public.index_jobs as j
      where j.tenant_id = v_tenant_id and j.status = 'completed' and j.created_at >= v_since
      order by j.created_at, j.id
      limit 1000) as n);

  select
    round(extract(epoch from percentile_cont(0.5) within group (order by e.wait)), 1),
    round(extract(epoch from percentile_cont(0.95) within group (order by e.wait)), 1),
    round(extract(epoch from percentile_cont(0.5) within group (order by e.duration)), 1),
    round(extract(epoch from percentile_cont(0.95) within group (order by e.duration)), 1)
  into wait_p50, wait_p95, duration_p50, duration_p95
  from (
    select n.started_at - n.created_at as wait, n.completed_at - n.started_at as duration
    from (
      (select j.created_at, j.started_at, j.completed_at
      from public.index_jobs as j
      where j.tenant_id = v_tenant_id and j.status = 'completed' and j.created_at >= v_since
      order by j.created_at desc, j.id desc
      limit 1000)
      union all
      (select j.created_at, j.started_at, j.completed_at
      from public.index_jobs as j
      where j.tenant_id = v_tenant_id
        and j.status <> 'completed'
        and case when j.completed_at is null then case when j.started_at is null then 0 else 1 end
          when j.error_message is null then 2 else 3 end = 3
        and j.created_at >= v_since
      order by j.created_at desc, j.id desc
      limit 1000)) as n
    where n.started_at is not null
    order by n.completed_at desc
    limit 1000) as e;
  return next;
end;
$$;
comment on function public.job_counts(uuid, timestamptz) is
  'Counts the index jobs of a user or an organization by status, with waits and durations.';
revoke all on function public.job_counts(uuid, timestamptz)
  from public, anon, authenticated, service_role;
grant execute on function public.job_counts(uuid, timestamptz) to authenticated, service_role;
-- end stamp
-- stamp: db/functions/link_queue_job.sql
create or replace function public.link_queue_job(p_job_id uuid, p_queue_job_id uuid)
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
  if p_queue_job_id is null then
    raise exception 'queue_job_id is missing'
      using errcode = 'PT422', detail = 'missing_queue_job_id', column = 'queue_job_id',
        hint = 'Pass the id of the queue''s job.';
  end if;

  v_job := private.lock_index_job(p_job_id);
  v_now := greatest(private.clock(), v_job.updated_at);
  if v_job.queue_job_id = p_queue_job_id then
    return next v_job;
    return;
  end if;
  if v_job.queue_job_id is not null then
    raise exception 'the job is already linked to another queue job'
      using errcode = 'PT409', detail = 'already_linked', column = 'queue_job_id',
        hint = 'Create a new index job for a new queue job.';
  end if;
  if v_job.status <> 'pending' then
    raise exception 'the job is % without a queue', v_job.status
      using errcode = 'PT409', detail = 'invalid_transition', column = 'queue_job_id',
        hint = 'Link the queue job in the transaction that creates the index job.';
  end if;

  return query
  update public.index_jobs as j
  set queue_job_id = p_queue_job_id, updated_at = v_now, version = j.version + 1
  where j.id = v_job.id
  returning j.*;
end;
$$;
comment on function public.link_queue_job(uuid, uuid) is
  'Links an index job to the queue job that runs it, once.';
alter function public.link_queue_job(uuid, uuid) owner to job_writer;
revoke all on function public.link_queue_job(uuid, uuid)
  from public, anon, authenticated, service_role;
grant execute on function public.link_queue_job(uuid, uuid) to job_worker, service_role;
-- end stamp
-- stamp: db/functions/list_api_keys.sql
create or replace function public.list_api_keys()
returns table (
  key_id text, name text, enabled boolean, created_at timestamptz, expires_at timestamptz,
  last_used_at timestamptz
)
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  select k.key_id, k.name, k.enabled, k.created_at, k.expires_at, k.last_used_at
  from private.list_api_keys() as k;
end;
$$;
comment on function public.list_api_keys() is 'Lists the caller''s API keys.';
revoke all on function public.list_api_keys() from public, anon, authenticated, service_role;
grant execute on function public.list_api_keys() to authenticated;
-- end stamp
-- stamp: db/functions/list_index_jobs.sql
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
set enable_bitmapscan = off
set enable_sort = off
as $$
declare
  v_user_id uuid := private.current_user_id();
  v_since timestamptz := coalesce(p_since, '-infinity');
  v_tenant_id uuid := coalesce(p_organization_id, v_user_id);
  v_status public.job_status;
  v_state integer;
  v_before timestamptz;
  v_before_id uuid;
begin
  perform private.check_page(p_limit);
  if p_status is not null then
    v_status := private.parse_status(p_status);
    v_state := case v_status
      when 'pending' then 0 when 'processing' then 1 when 'cancelled' then 2 when 'failed' then 3
    end;
  end if;
  select c.created_at, c.id into v_before, v_before_id from private.parse_cursor(p_cursor) as c;

  if p_repository_id is not null and v_status is null then
    return query
    select j.*
    from public.index_jobs as j
    where j.repository_id = p_repository_id
      and j.tenant_id is not distinct from v_tenant_id
      and j.created_at >= v_since
      and (j.created_at, j.id) < (v_before, v_before_id)
    order by j.created_at desc, j.id desc
    limit p_limit;
  elsif p_repository_id is not null and v_status = 'completed' then
    return query
    select j.*
    from public.index_jobs as j
    where j.repository_id = p_repository_id
      and j.status = 'completed'
      and j.tenant_id is not distinct from v_tenant_id
      and j.created_at >= v_since
      and (j.created_at, j.id) < (v_before, v_before_id)
    order by j.created_at desc, j.id desc
    limit p_limit;
  elsif p_repository_id is not null then
    return query
    select j.*
    from public.index_jobs as j
    where j.repository_id = p_repository_id
      and j.status <> 'completed'
      and case when j.completed_at is null then case when j.started_at is null then 0 else 1 end
        when j.error_message is null then 2 else 3 end = v_state
      and j.tenant_id is not distinct from v_tenant_id
      and j.created_at >= v_since
      and (j.created_at, j.id) < (v_before, v_before_id)
    order by j.created_at desc, j.id desc
    limit p_limit;
  elsif v_status = 'completed' then
    return query
    select j.*
    from public.index_jobs as j
    where j.tenant_id = v_tenant_id
      and j.status = 'completed'
      and j.created_at >= v_since
      and (j.created_at, j.id) < (v_before, v_before_id)
    order by j.created_at desc, j.id desc
    limit p_limit;
  elsif v_status is not null then
    return query
    select j.*
    from public.index_jobs as j
    where j.tenant_id = v_tenant_id
      and j.status <> 'completed'
      and case when j.completed_at is null then case when j.started_at is null then 0 else 1 end
        when j.error_message is null then 2 else 3 end = v_state
      and j.created_at >= v_since
      and (j.created_at, j.id) < (v_before, v_before_id)
    order by j.created_at desc, j.id desc
    limit p_limit;
  elsif p_organization_id is not null then
    return query
    select j.*
    from public.index_jobs as j
    where j.organization_id = p_organization_id
      and j.created_at >= v_since
      and (j.created_at, j.id) < (v_before, v_before_id)
    order by j.created_at desc, j.id desc
    limit p_limit;
  else
    return query
    select j.*
    from public.index_jobs as j
    where j.owner_user_id = v_user_id
      and j.created_at >= v_since
      and (j.created_at, j.id) < (v_before, v_before_id)
    order by j.created_at desc, j.id desc
    limit p_limit;
  end if;
end;
$$;
comment on function public.list_index_jobs(uuid, uuid, text, timestamptz, text, integer) is
  'Lists the index jobs of a user or an organization, newest first, page by page.';
revoke all on function public.list_index_jobs(uuid, uuid, text, timestamptz, text, integer)
  from public, anon, authenticated, service_role;
grant execute on function public.list_index_jobs(uuid, uuid, text, timestamptz, text, integer)
  to authenticated, service_role;
-- end stamp
-- stamp: db/functions/list_indexed_files.sql
create or replace function public.list_indexed_files(
  p_repository_id uuid,
  p_cursor text default null,
  p_limit integer default 20
)
returns table (
  path text, language text, bytes bigint, blob_sha text, symbol_count integer, job_id uuid,
  commit_sha text, cursor text
)
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
set enable_bitmapscan = off
set enable_sort = off
as $$
declare
  v_commit public.indexed_commits;
  v_path text;
  v_id bigint;
begin
  perform private.check_page(p_limit);
  select c.place, c.id into v_path, v_id from private.parse_row_cursor(p_cursor) as c;
  v_commit := private.stored_commit(p_repository_id);

  return query
  select f.path, f.language, f.bytes, f.blob_sha, f.symbol_count, v_commit.job_id,
    v_commit.commit_sha, private.row_cursor(f.path, f.id)
  from public.indexed_files as f
  where f.repository_id = p_repository_id and (f.path, f.id) > (v_path, v_id)
  order by f.path
  limit p_limit;
end;
$$;
comment on function public.list_indexed_files(uuid, text, integer) is
  'Lists the files stored for a repository, by path, page by page.';
revoke all on function public.list_indexed_files(uuid, text, integer)
  from public, anon, authenticated, service_role;
grant execute on function public.list_indexed_files(uuid, text, integer)
  to authenticated, service_role;
-- end stamp
-- stamp: db/functions/list_skipped_files.sql
create or replace function public.list_skipped_files(
  p_repository_id uuid,
  p_reason text default null,
  p_cursor text default null,
  p_limit integer default 20
)
returns table (path text, reason text, job_id uuid, commit_sha text, cursor text)
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
set enable_bitmapscan = off
set enable_sort = off
as $$
declare
  v_commit public.indexed_commits;
  v_id bigint;
begin
  perform private.check_page(p_limit);
  select c.id into v_id from private.parse_row_cursor(p_cursor) as c;
  v_commit := private.stored_commit(p_repository_id);

  return query
  select k.path, k.reason, v_commit.job_id, v_commit.commit_sha, private.row_cursor('', k.id)
  from public.skipped_files as k
  where (k.repository_id, k.id) > (p_repository_id, v_id)
    and k.repository_id <= p_repository_id
    and (p_reason is null or k.reason = p_reason)
  order by k.repository_id, k.id
  limit p_limit;
end;
$$;
comment on function public.list_skipped_files(uuid, text, text, integer) is
  'Lists the files that the last index of a repository skipped, page by page.';
revoke all on function public.list_skipped_files(uuid, text, text, integer)
  from public, anon, authenticated, service_role;
grant execute on function public.list_skipped_files(uuid, text, text, integer)
  to authenticated, service_role;
-- end stamp
-- stamp: db/functions/purge_finished_jobs.sql
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
  delete from public.index_jobs as j where j.id = any (v_ids);
  return query select cardinality(v_ids);
end;
$$;
comment on function public.purge_finished_jobs(interval, integer) is
  'Deletes a batch of index jobs that ended long ago, and returns how many.';
alter function public.purge_finished_jobs(interval, integer) owner to job_writer;
revoke all on function public.purge_finished_jobs(interval, integer)
  from public, anon, authenticated, service_role;
grant execute on function public.purge_finished_jobs(interval, integer) to job_worker, service_role;
-- end stamp
-- stamp: db/functions/record_index_run.sql
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
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_job_id uuid;
begin
  if p_status is null or p_status not in ('completed', 'failed', 'cancelled') then
    raise exception 'a recorded run must have ended'
      using errcode = 'PT422', detail = 'unknown_status', column = 'status',
        hint = 'Pass completed, failed or cancelled; start a job with create_index_job.';
  end if;
  if p_status = 'failed' and coalesce(btrim(p_error, E' \t\r\n'), '') = '' then
    raise exception 'failed without an error'
      using errcode = 'PT422', detail = 'error_required', column = 'error',
        hint = 'Pass a sentence for the user as p_error.';
  end if;
  v_job_id := private.insert_index_job(
    p_repository_id => p_repository_id,
    p_ref => p_ref,
    p_commit_sha => p_commit_sha,
    p_idempotency_key => null,
    p_created_by => null);
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
  'Deprecated: records a run of the indexer that has ended.';
alter function public.record_index_run(uuid, text, jsonb, text, text, text) owner to job_writer;
revoke all on function public.record_index_run(uuid, text, jsonb, text, text, text)
  from public, anon, authenticated, service_role;
grant execute on function public.record_index_run(uuid, text, jsonb, text, text, text)
  to job_worker, service_role;
-- end stamp
-- stamp: db/functions/report_job_progress.sql
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
  v_hand_back boolean := coalesce(p_lease = interval '0', false);
  v_job public.index_jobs;
  v_moves boolean;
  v_clock timestamptz;
  v_now timestamptz;
begin
  if num_nonnulls(p_phase, p_done, p_total) > 0 and (
    coalesce(btrim(p_phase), '') = '' or length(p_phase) > 100
    or p_done is null or p_done < 0 or p_total < p_done)
  then
    raise exception 'progress needs a phase, and a done count of at most total'
      using errcode = 'PT422', detail = 'invalid_progress', column = 'phase',
        hint = 'Pass p_phase and 0 <= p_done <= p_total, or none of them for a heartbeat.';
  end if;
  perform private.check_lease(p_lease);
  if p_phase is not null then
    v_progress := jsonb_build_object('phase', p_phase, 'done', p_done, 'total', p_total);
  end if;

  v_job := private.lock_index_job(p_job_id);
  v_clock := private.clock();
  v_now := greatest(v_clock, v_job.updated_at);
  perform private.check_attempt(v_job, p_attempt);
  if v_job.status <> 'processing' then
    raise exception 'the job is %', v_job.status
      using errcode = 'PT409', detail = 'not_processing', column = 'job_id',
        hint = 'Stop working on the job.';
  end if;

  if v_hand_back and v_job.queue_job_id is not null then
    raise exception 'lease cannot be 0: the queue of the job begins its attempts'
      using errcode = 'PT422', detail = 'invalid_lease', column = 'lease',
        hint = 'Complete or fail the job, or leave its attempt to the queue.';
  end if;

  v_moves := v_hand_back or (v_progress is not null and v_progress is distinct from v_job.progress);
  return query
  update public.index_jobs as j
  set heartbeat_at = v_clock,
    lease_expires_at = case
      when not v_hand_back then coalesce(v_clock + p_lease, j.lease_expires_at)
    end,
    retry_at = case when v_hand_back then v_now end,
    max_attempts = least(j.max_attempts + v_hand_back::integer, 100),
    progress = coalesce(v_progress, j.progress),
    updated_at = case when v_moves then v_now else j.updated_at end,
    version = j.version + v_moves::integer
  where j.id = v_job.id
  returning j.cancel_requested_at is not null, j.lease_expires_at;
end;
$$;
comment on function public.report_job_progress(uuid, integer, text, bigint, bigint, interval) is
  'Records a heartbeat and the progress of an index job.';
alter function public.report_job_progress(uuid, integer, text, bigint, bigint, interval)
  owner to job_writer;
revoke all on function public.report_job_progress(uuid, integer, text, bigint, bigint, interval)
  from public, anon, authenticated, service_role;
grant execute on function public.report_job_progress(uuid, integer, text, bigint, bigint, interval)
  to job_worker, service_role;
-- end stamp
-- stamp: db/functions/report_runner.sql
create or replace function public.report_runner(
  p_worker_id text,
  p_host text,
  p_pid integer,
  p_release text,
  p_slots integer,
  p_busy integer
)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_worker_id uuid := private.parse_worker_id(p_worker_id);
begin
  if v_worker_id is null then
    raise exception 'worker_id is missing'
      using errcode = 'PT422', detail = 'missing_worker_id', column = 'worker_id',
        hint = 'Pass a random UUID, created when the worker starts.';
  end if;
  if greatest(length(p_host), length(p_release)) > 255 or p_pid < 0
    or p_slots not between 1 and 10000 or p_busy not between 0 and p_slots
  then
    raise exception 'the report of the worker is not valid'
      using errcode = 'PT422', detail = 'invalid_runner', column = 'busy',
        hint = 'Pass 0 <= p_busy <= p_slots <= 10000, and texts of at most 255 characters.';
  end if;
  insert into private.runners as r (worker_id, host, pid, release, slots, busy, seen_at)
  values (v_worker_id, p_host, p_pid, p_release, p_slots, p_busy, private.clock())
  on conflict (worker_id) do update
  set host = excluded.host, pid = excluded.pid, release = excluded.release,
    slots = excluded.slots, busy = excluded.busy,
    seen_at = greatest(r.seen_at, excluded.seen_at);
end;
$$;
comment on function public.report_runner(text, text, integer, text, integer, integer) is
  'Records what a worker reports about itself, for operators.';
alter function public.report_runner(text, text, integer, text, integer, integer)
  owner to job_writer;
revoke all on function public.report_runner(text, text, integer, text, integer, integer)
  from public, anon, authenticated, service_role;
grant execute on function public.report_runner(text, text, integer, text, integer, integer)
  to job_worker, service_role;
-- end stamp
-- stamp: db/functions/retry_or_fail_stuck_jobs.sql
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
  v_locked uuid[];
  v_job public.index_jobs;
  v_now timestamptz;
  v_status public.job_status;
begin
  perform private.check_batch(p_older_than, p_limit);
  perform private.delete_orphaned_rows();
  perform private.forget_future();
  retried := 0;
  failed := 0;
  cancelled := 0;
  v_locked := array(
    select j.id
    from public.index_jobs as j
    where j.id = any (array(
      select s.job_id
      from private.stuck_jobs(p_older_than, true) as s
      join public.index_jobs as q on q.id = s.job_id
      where s.kind = 'cancel_overdue'
        or s.kind <> 'retry_overdue' and q.queue_job_id is null))
    order by j.id
    limit p_limit
    for no key update skip locked);
  -- a separate statement, which sees changes made to the jobs before they were locked
  for v_job in
    select j.*
    from private.stuck_jobs(p_older_than, true) as s
    join public.index_jobs as j on j.id = s.job_id
    where j.id = any (v_locked)
      and s.kind <> 'retry_overdue'
    order by j.id
  loop
    v_now := greatest(private.clock(), v_job.updated_at);
    select e.status into v_status from private.end_attempt(v_job, v_now, null, true) as e;
    retried := retried + (v_status = 'processing')::integer;
    failed := failed + (v_status = 'failed')::integer;
    cancelled := cancelled + (v_status = 'cancelled')::integer;
  end loop;
  delete from private.runners as r
  where r.worker_id in (
    select s.worker_id
    from private.runners as s
    where s.seen_at < private.clock() - interval '1 hour'
    for update skip locked);
  perform private.fold_job_metrics();
  return next;
end;
$$;
comment on function public.retry_or_fail_stuck_jobs(interval, integer) is
  'Ends the attempts of index jobs whose worker is lost, and returns how many.';
alter function public.retry_or_fail_stuck_jobs(interval, integer) owner to job_writer;
revoke all on function public.retry_or_fail_stuck_jobs(interval, integer)
  from public, anon, authenticated, service_role;
grant execute on function public.retry_or_fail_stuck_jobs(interval, integer)
  to job_worker, service_role;
-- end stamp
-- stamp: db/functions/revoke_api_key.sql
create or replace function public.revoke_api_key(p_key_id text)
returns table (
  key_id text, name text, enabled boolean, created_at timestamptz, expires_at timestamptz,
  last_used_at timestamptz
)
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  select k.key_id, k.name, k.enabled, k.created_at, k.expires_at, k.last_used_at
  from private.revoke_api_key(p_key_id => p_key_id) as k;
end;
$$;
comment on function public.revoke_api_key(text) is 'Disables one of the caller''s API keys.';
revoke all on function public.revoke_api_key(text) from public, anon, authenticated, service_role;
grant execute on function public.revoke_api_key(text) to authenticated;
-- end stamp
-- stamp: db/functions/set_repository_url.sql
create or replace function public.set_repository_url(p_repository_id uuid, p_git_url text)
returns setof public.repositories
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  perform private.set_repository_url(p_repository_id => p_repository_id, p_git_url => p_git_url);
  return query select r.* from public.repositories as r where r.id = p_repository_id;
end;
$$;
comment on function public.set_repository_url(uuid, text) is
  'Corrects where a repository is cloned from.';
revoke all on function public.set_repository_url(uuid, text)
  from public, anon, authenticated, service_role;
grant execute on function public.set_repository_url(uuid, text) to authenticated;
-- end stamp
-- stamp: db/functions/store_index_rows.sql
create or replace function public.store_index_rows(p_job_id uuid, p_attempt integer)
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_job public.index_jobs := private.lock_repository_of_job(p_job_id, p_attempt);
  v_files bigint;
  v_symbols bigint;
begin
  if v_job.status = 'completed' then -- and the answer was lost: complete_index returns it again
    perform private.delete_incoming_rows();
    return 0;
  end if;

  perform private.delete_files_of_other_jobs(v_job);
  select m.files, m.symbols into v_files, v_symbols
  from private.store_incoming_rows(v_job) as m;

  -- Nobody else sees this row: complete_index overwrites it, or COMMIT is refused.
  insert into public.indexed_commits as c (repository_id, job_id, commit_sha, extractor, stats)
  values (v_job.repository_id, v_job.id, '', '',
    jsonb_build_object('files', v_files, 'symbols', v_symbols))
  on conflict (repository_id) do update
  set job_id = excluded.job_id,
    commit_sha = excluded.commit_sha,
    extractor = excluded.extractor,
    stats = case
      when c.job_id = excluded.job_id then jsonb_build_object(
        'files', (c.stats ->> 'files')::bigint + v_files,
        'symbols', (c.stats ->> 'symbols')::bigint + v_symbols)
      else excluded.stats
    end
  returning (c.stats ->> 'files')::bigint, (c.stats ->> 'symbols')::bigint
  into v_files, v_symbols;
  return v_files + v_symbols;
end;
$$;
comment on function public.store_index_rows(uuid, integer) is
  'Stores the copied rows of an index that is still being built.';
alter function public.store_index_rows(uuid, integer) owner to job_writer;
revoke all on function public.store_index_rows(uuid, integer)
  from public, anon, authenticated, service_role;
grant execute on function public.store_index_rows(uuid, integer) to job_worker, service_role;
-- end stamp
-- stamp: db/functions/update_job_status.sql
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
  v_worker_id uuid := private.parse_worker_id(p_worker_id);
  v_status public.job_status := private.parse_status(p_status);
  v_metadata jsonb := coalesce(p_metadata, '{}');
  v_error text := v_metadata ->> 'error';
  v_stats jsonb := v_metadata -> 'stats';
  v_commit_sha text := lower(v_metadata ->> 'commit_sha');
  v_job public.index_jobs;
  v_now timestamptz;
begin
  perform private.check_job_metadata(v_status, v_metadata);
  if v_error is not null then
    v_error := private.clean_error(v_error);
  end if;

  v_job := private.lock_index_job(p_job_id);
  v_now := greatest(private.clock(), v_job.updated_at);
  perform private.check_attempt(v_job, p_attempt);

  if v_status = v_job.status and v_status = 'processing' then
    if v_worker_id is distinct from v_job.worker_id then
      raise exception 'another worker has started the job'
        using errcode = 'PT409', detail = 'already_processing', column = 'worker_id',
          hint = 'Stop working on the job.';
    end if;
    return next v_job;
    return;
  end if;

  if v_status = v_job.status and private.is_final(v_status) then
    if v_error is distinct from v_job.error_message
      or v_stats is distinct from v_job.stats
      or (v_commit_sha is not null and v_commit_sha is distinct from v_job.commit_sha)
    then
      raise exception 'the job already ended with a different result'
        using errcode = 'PT409', detail = 'conflicting_repeat', column = 'metadata',
          hint = 'The first result is final; read it with get_job_status.';
    end if;
    return next v_job;
    return;
  end if;

  perform
  from private.job_transitions() as t
  where t.from_status = v_job.status and t.to_status = v_status;
  if not found then
    raise exception 'a job cannot move from % to %', v_job.status, v_status
      using errcode = 'PT409', detail = 'invalid_transition', column = 'status',
        hint = 'Read the job with get_job_status; a final status never changes.';
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
    worker_id = coalesce(v_worker_id, j.worker_id),
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
  'Moves an index job forward, and refuses every other move.';
alter function public.update_job_status(uuid, text, jsonb, integer, text) owner to job_writer;
revoke all on function public.update_job_status(uuid, text, jsonb, integer, text)
  from public, anon, authenticated, service_role;
grant execute on function public.update_job_status(uuid, text, jsonb, integer, text)
  to job_worker, service_role;
-- end stamp
revoke create on schema public, private from job_writer, job_gateway, job_tenant;
revoke job_writer, job_gateway, job_tenant from current_user;
-- end stamped part

-- Written by hand, below it: what needs its functions.

alter table public.repositories
  add constraint repositories_full_name_is_a_path check (private.is_repository_name(full_name)),
  add constraint repositories_git_url_is_without_credentials check (private.is_git_url(git_url));

do $$
begin
  if to_regprocedure('cron.schedule(text, text, text)') is not null then
    perform cron.schedule(
      'index_jobs: retry_or_fail_stuck_jobs', '* * * * *',
      'set role service_role; select * from public.retry_or_fail_stuck_jobs()');
  end if;
end;
$$;

do $$
begin
  perform private.create_broadcast_policy();
exception when others then
  raise warning 'nobody may follow index jobs by Realtime: %', sqlerrm
    using hint = 'index-jobs doctor prints what to run.';
end;
$$;

-- The counters start from the stored events, which job_writer may read. No job changes meanwhile,
-- because creating the triggers above has locked the table.
do $$
declare
  v_role text := current_setting('role');
begin
  grant job_writer to current_user;
  set local role job_writer;
  insert into private.job_metrics
    (from_status, to_status, outcome, wait_le, duration_le, events, wait, duration)
  select
    c.from_status, c.to_status, c.outcome,
    private.metric_bucket(c.wait), private.metric_bucket(c.duration), count(*),
    coalesce(sum(extract(epoch from c.wait)), 0),
    coalesce(sum(extract(epoch from c.duration)), 0)
  from (
    select
      e.from_status, e.to_status,
      case when e.from_status = 'processing' and not e.was_over then
        case
          when e.to_status in ('completed', 'cancelled') then e.to_status::text
          when e.attempt > e.attempt_before then 'lost'
          when e.detail ? 'handed_back' then 'handed_back'
          when e.to_status = 'processing' and not e.detail ? 'retry_at' then null
          when e.detail ->> 'error' like 'the worker was lost%' then 'lost'
          when e.to_status = 'failed' then 'failed'
          else 'retry'
        end
      end as outcome,
      case when e.from_status = 'pending' and e.attempt > 0 then e.at - e.made_at end as wait,
      case when private.is_final(e.to_status) then e.at - e.begun_at end as duration
    from (
      select
        s.*,
        lag(s.attempt) over job as attempt_before,
        lag(s.is_over) over job as was_over,
        min(s.at) over job as made_at,
        min(s.at) filter (where s.attempt > 0) over job as begun_at
      from (
        select
          x.*,
          bool_or(x.detail ? 'retry_at') over (
            partition by x.job_id, x.attempt order by x.event_no) as is_over
        from public.index_job_events as x) as s
      window job as (partition by s.job_id order by s.event_no)) as e) as c
  where c.from_status is distinct from c.to_status or c.outcome is not null
  group by
    c.from_status, c.to_status, c.outcome,
    private.metric_bucket(c.wait), private.metric_bucket(c.duration);
  insert into private.job_ends (minute, completed, failed)
  select
    date_trunc('minute', j.completed_at),
    count(*) filter (where j.status = 'completed'),
    count(*) filter (where j.status = 'failed')
  from public.index_jobs as j
  where j.completed_at > private.clock() - interval '1 hour' and j.status in ('completed', 'failed')
  group by date_trunc('minute', j.completed_at);
  perform set_config('role', v_role, true);
  revoke job_writer from current_user;
end;
$$;

notify pgrst, 'reload schema';
comment on schema private is 'schema version 20261128093002, text 2c450a45a00e, serves 20261128093002';
