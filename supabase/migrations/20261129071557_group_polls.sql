-- group_polls
-- depends: 20261128093002_functions_and_policies
-- previous text: 2c450a45a00e

set local lock_timeout = '250ms';

-- By hand, above the stamped part: what its functions and policies need.

-- begin stamped part (make migration rewrites it)
grant job_writer, job_gateway, job_tenant to current_user;
grant create on schema public, private to job_writer, job_gateway, job_tenant;
-- stamp: db/functions/private/admit_request.sql
create or replace function private.admit_request(p_api_key text, p_claims jsonb)
returns private.api_answer
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := private.clock();
  v_hour timestamptz := date_trunc('hour', v_now, 'UTC');
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
    and k.user_id <> all (private.banned_users(array[k.user_id]))
  returning c.user_id, t.requests_per_hour, t.requests_per_hour - c.requests
  into v_answer.user_id, v_answer.rate_limit, v_answer.rate_remaining;
  if not found then
    return private.count_request(private.begin_request(p_api_key, p_claims));
  end if;
  perform set_config('request.jwt.claims',
    '{"sub": "' || v_answer.user_id || '", "role": "authenticated"}', true);
  v_answer.rate_reset := extract(epoch from v_hour)::bigint + 3600;
  v_answer.verdict := 'ok';
  return v_answer;
end;
$$;
comment on function private.admit_request(text, jsonb) is
  'Identifies the caller of an api_ function, counts the request and sets the claims.';
revoke all on function private.admit_request(text, jsonb)
  from public, anon, authenticated, service_role;
grant execute on function private.admit_request(text, jsonb) to job_gateway;
-- end stamp
-- stamp: db/functions/private/banned_users.sql
create or replace function private.banned_users(p_user_ids uuid[])
returns uuid[]
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
begin
  return array(
    select u.id
    from auth.users as u
    where u.id = any (p_user_ids)
      and (u.deleted_at is not null or u.banned_until > private.clock()));
exception when undefined_column then
  return '{}';
end;
$$;
comment on function private.banned_users(uuid[]) is
  'Returns those of the users that are banned or deleted.';
revoke all on function private.banned_users(uuid[]) from public, anon, authenticated, service_role;
grant execute on function private.banned_users(uuid[]) to job_gateway;
-- end stamp
revoke all on function private.begin_request(text, jsonb) from job_gateway;
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
  where u.id is not null and u.id <> all (private.banned_users(array[u.id]));
  if not found then
    return v_caller;
  end if;

  perform set_config('request.jwt.claims', case
    when p_api_key is null then p_claims
    else jsonb_build_object('sub', v_caller.user_id, 'role', 'authenticated') end::text, true);
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
-- stamp: db/functions/private/broadcast_index_job.sql
create or replace function private.broadcast_index_job()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'UPDATE' then
    if old.version = new.version
      or old.progress is distinct from new.progress
        and old.status = new.status
        and old.attempt = new.attempt
        and old.retry_at is not distinct from new.retry_at
        and old.cancel_requested_at is not distinct from new.cancel_requested_at
        and date_trunc('second', old.updated_at) = date_trunc('second', new.updated_at)
    then
      return null;
    end if;
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
-- Postgres parses the condition of a trigger in each statement, so a long one is in the function
create or replace trigger index_jobs_broadcast_creation
  after insert on public.index_jobs
  for each row
  when (to_regnamespace('realtime') is not null)
  execute function private.broadcast_index_job();
create or replace trigger index_jobs_broadcast_change
  after update on public.index_jobs
  for each row
  when (to_regnamespace('realtime') is not null)
  execute function private.broadcast_index_job();
-- end stamp
revoke all on function private.lock_next_job(uuid[]) from job_writer;
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
  v_is_unchecked boolean;
  v_lapsed uuid[] := '{}';
  v_due uuid[];
  v_tried uuid[] := p_except;
  v_met boolean := false;
  v_is_second boolean := false;
  v_tenant_id uuid;
  v_job public.index_jobs;
begin
  select
    c.last_value <> v_second,
    array(
      select j.tenant_id
      from public.index_jobs as j
      where j.retry_at <= v_now and j.queue_job_id is null
      order by j.retry_at, j.tenant_id
      limit 100)
  into v_is_unchecked, v_due
  from private.claim_lease_check as c;
  if v_is_unchecked then
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
      v_job := null;
      if v_tenant_id = any (v_lapsed) then
        select j.* into v_job
        from public.index_jobs as j
        where j.status = 'processing' and j.retry_at is null and j.queue_job_id is null
          and j.tenant_id >= v_tenant_id and j.tenant_id <= v_tenant_id
          and j.lease_expires_at <= v_now
        order by j.tenant_id, j.queue_job_id, j.retry_at, j.id
        limit 1
        for no key update skip locked;
      end if;
      if v_job.id is null and (v_tenant_id = any (v_due) or cardinality(v_due) = 100) then
        select j.* into v_job
        from public.index_jobs as j
        where j.status = 'processing' and j.retry_at <= v_now and j.queue_job_id is null
          and j.tenant_id >= v_tenant_id and j.tenant_id <= v_tenant_id
        order by j.tenant_id, j.queue_job_id, j.retry_at, j.id
        limit 1
        for no key update skip locked;
      end if;
      if v_job.id is null then
        select j.* into v_job
        from public.index_jobs as j
        where j.status = 'pending' and j.queue_job_id is null
          and j.tenant_id >= v_tenant_id and j.tenant_id <= v_tenant_id
        order by j.tenant_id, j.created_at, j.id
        limit 1
        for no key update skip locked;
      end if;
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
revoke all on function private.parse_status(text) from job_writer;
-- stamp: db/functions/private/parse_status.sql
create or replace function private.parse_status(p_status text)
returns public.job_status
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_status is null
    or p_status not in ('pending', 'processing', 'completed', 'failed', 'cancelled')
  then
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
revoke all on function private.parse_uuid(text) from job_gateway, job_writer;
-- stamp: db/functions/private/parse_uuid.sql
create or replace function private.parse_uuid(p_text text)
returns uuid
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  -- a regular expression would take ten times as long
  if p_text like '________-____-____-____-____________'
    and translate(p_text, '0123456789ABCDEFabcdef', '') = '----'
  then
    return p_text::uuid;
  end if;
  return null;
end;
$$;
comment on function private.parse_uuid(text) is 'Parses a UUID; null if it is malformed.';
revoke all on function private.parse_uuid(text) from public, anon, authenticated, service_role;
grant execute on function private.parse_uuid(text) to job_gateway, job_writer;
-- end stamp
revoke all on function public.api_create_index_job(text, jsonb, text, text, text, text, text, text, text, integer) from job_http;
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
  v_answer := private.admit_request(p_api_key, p_claims);
  if v_answer.verdict <> 'ok' then
    return v_answer;
  end if;

  begin
    if p_organization is null and p_local_url is null and p_repository ~ '^[^/]+/[^/]+$'
      and p_repository not like '%.git'
    then
      select r.id into v_repository_id
      from public.repositories as r
      where r.owner_user_id = v_answer.user_id
        and r.full_name = p_repository
        and r.git_url = p_git_base_url || p_repository || '.git';
    end if;
    if v_repository_id is null then
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
    end if;
    v_job_id := private.create_index_job(
      p_repository_id => v_repository_id,
      p_ref => p_ref,
      p_commit_sha => p_commit_sha,
      p_idempotency_key => p_idempotency_key);
    if p_idempotency_key is null then
      v_answer.job_id := v_job_id;
      v_answer.job_status := 'pending';
      v_answer.job_version := 1;
      v_answer.job_age := 0;
    else
      select j.id, j.status, j.version,
        case when j.completed_at is null
          then extract(epoch from private.clock() - coalesce(j.started_at, j.created_at)) end
      into v_answer.job_id, v_answer.job_status, v_answer.job_version, v_answer.job_age
      from public.index_jobs as j
      where j.id = v_job_id;
      if not found then  -- an earlier request's job, which the caller may no longer see
        raise exception 'index job not found' using errcode = 'PT404';
      end if;
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
revoke all on function public.api_get_job_status(text, jsonb, text, bigint) from job_http;
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
    and k.user_id <> all (private.banned_users(array[k.user_id]))
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
-- stamp: db/functions/api_get_job_statuses.sql
create or replace function public.api_get_job_statuses(
  p_api_keys text[],
  p_claims jsonb[],
  p_job_ids text[],
  p_known_versions bigint[]
)
returns setof private.api_answer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_setting text := set_config('synchronous_commit', 'off', true);
  v_now timestamptz := private.clock();
  v_hour timestamptz := date_trunc('hour', v_now, 'UTC');
  v_poll record;
  v_answer private.api_answer;
begin
  for v_poll in
    with identified as materialized (
      select p.number, u.id
      from unnest(p_api_keys, p_claims) with ordinality as p (api_key, claims, number)
      cross join lateral (
        select case
          when p.api_key is not null then (
            select k.user_id
            from private.api_keys as k
            where k.id = split_part(p.api_key, '_', 2)
              and k.secret_hash = sha256(convert_to(split_part(p.api_key, '_', 3), 'UTF8'))
              and split_part(p.api_key, '_', 1) = 'ij'
              and k.enabled
              and (k.expires_at is null or k.expires_at > v_now)
              and k.last_used_at >= v_now - interval '1 hour')
          when p.claims ->> 'role' = 'authenticated' then private.parse_uuid(p.claims ->> 'sub')
        end
        offset 0
      ) as u (id)
      where u.id is not null
    ),
    callers as materialized (
      select i.number, i.id, t.requests_per_hour,
        row_number() over (partition by i.id order by i.number) as nth
      from identified as i
      left join private.accounts as a on a.user_id = i.id
      join private.tiers as t on t.name = coalesce(a.tier, 'free')
      where i.id <> all (
        (select private.banned_users(array(select u.id from identified as u)))::uuid[])
    ),
    counters as materialized (
      select c.user_id, c.requests
      from private.rate_limit_counters as c
      where c.user_id in (select u.id from callers as u) and c.window_start = v_hour
      for no key update skip locked
    ),
    allowed as materialized (
      select u.number, u.id, u.requests_per_hour as rate_limit,
        u.requests_per_hour - c.requests - u.nth as rate_remaining
      from callers as u
      join counters as c on c.user_id = u.id
      where c.requests + u.nth <= u.requests_per_hour
    ),
    counted as (
      update private.rate_limit_counters as c
      set requests = c.requests + u.polls
      from (select a.id, count(*) as polls from allowed as a group by a.id) as u
      where c.user_id = u.id
    )
    select u.id as user_id, u.rate_limit, u.rate_remaining,
      private.parse_uuid(p.job_id) as job_id, p.known_version
    from unnest(p_job_ids, p_known_versions) with ordinality as p (job_id, known_version, number)
    left join allowed as u on u.number = p.number
    order by p.number
  loop
    v_answer := null;
    if v_poll.user_id is not null then
      v_setting := set_config('request.jwt.claims',
        '{"sub": "' || v_poll.user_id || '", "role": "authenticated"}', true);
      v_answer.user_id := v_poll.user_id;
      v_answer.rate_limit := v_poll.rate_limit;
      v_answer.rate_remaining := v_poll.rate_remaining;
      v_answer.rate_reset := extract(epoch from v_hour)::bigint + 3600;
      select
        case when j.version is distinct from v_poll.known_version then row_to_json(j)::text end,
        j.id, j.status, j.version,
        case when j.completed_at is null
          then extract(epoch from v_now - coalesce(j.started_at, j.created_at)) end
      into v_answer.body, v_answer.job_id, v_answer.job_status, v_answer.job_version,
        v_answer.job_age
      from public.index_jobs as j
      where j.id = v_poll.job_id;
      v_answer.verdict := case when found then 'ok' else 'PT404' end;
    end if;
    return next v_answer;
  end loop;
end;
$$;
comment on function public.api_get_job_statuses(text[], jsonb[], text[], bigint[]) is
  'Answers several GET /jobs/{id} in one statement.';
alter function public.api_get_job_statuses(text[], jsonb[], text[], bigint[])
  owner to job_gateway;
revoke all on function public.api_get_job_statuses(text[], jsonb[], text[], bigint[])
  from public, anon, authenticated, service_role;
grant execute on function public.api_get_job_statuses(text[], jsonb[], text[], bigint[])
  to job_http, service_role;
-- end stamp
revoke all on function public.api_list_index_jobs(text, jsonb, text, text, text, text, text, integer) from job_http;
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
  v_answer := private.admit_request(p_api_key, p_claims);
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
-- stamp deleted: db/functions/private/is_banned.sql
drop function private.is_banned(uuid);
-- end stamp
revoke create on schema public, private from job_writer, job_gateway, job_tenant;
revoke job_writer, job_gateway, job_tenant from current_user;
-- end stamped part

-- By hand, below it: what needs its functions (triggers, defaults); drops of tables.

-- Makes open sessions plan their statements again.
grant usage on schema private to job_writer;
notify pgrst, 'reload schema';
comment on schema private is 'schema version 20261129071557, text b48e02791369, serves 20261128093002';
