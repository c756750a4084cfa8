-- keep_no_credentials_and_list_by_status, undone

-- By hand, above the stamped part: what would keep its functions from being dropped.
alter table public.repositories
  drop constraint repositories_git_url_is_without_credentials,
  add constraint repositories_git_url_is_https_or_a_local_path
    check (git_url ~ '^(https?://|file:///|/)[^[:cntrl:][:space:]][^[:cntrl:]]*$'
      and length(git_url) <= 2048);

-- begin stamped part (python -m db.stamp again rewrites it)
grant job_writer, job_gateway, job_tenant to current_user;
grant create on schema public, private to job_writer, job_gateway, job_tenant;

drop policy if exists index_jobs_select_authenticated on public.index_jobs;
drop policy if exists index_jobs_select_service_role on public.index_jobs;
drop policy if exists index_jobs_all_job_writer on public.index_jobs;
drop policy if exists organization_members_select_authenticated on public.organization_members;
drop policy if exists organization_members_all_service_role on public.organization_members;
drop policy if exists organization_members_select_job_writer on public.organization_members;

revoke all on function private.answer(private.api_caller, integer) from job_gateway;
-- stamp: db/functions/private/answer.sql
-- answer(p_caller, p_requests) -> api_answer
--
-- The start of every answer: the state of the caller's quota after p_requests, and the refusal that
-- follows from it, if any (PT401 unknown caller, PT429 nothing left).
--
-- Callers: the api_* functions, as job_gateway.

create or replace function private.answer(
  p_caller private.api_caller,
  p_requests integer
)
returns private.api_answer
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_answer private.api_answer;
begin
  if p_caller.user_id is null then
    v_answer.verdict := 'PT401';
    v_answer.code := 'AUTH_INVALID_KEY';
    v_answer.message := 'the key is not valid';
    v_answer.hint := 'Use a key that is neither revoked nor expired.';
    return v_answer;
  end if;
  v_answer.rate_limit := p_caller.rate_limit;
  v_answer.rate_remaining := greatest(p_caller.rate_limit - coalesce(p_requests, p_caller.rate_limit), 0);
  v_answer.rate_reset := extract(epoch from p_caller.window_start + interval '1 hour')::bigint;
  if p_requests is null then
    v_answer.verdict := 'PT429';
    v_answer.code := 'RATE_LIMITED';
    v_answer.message := 'the quota of ' || p_caller.rate_limit || ' requests an hour is used up';
    v_answer.hint := 'Wait until the hour is over, or use a higher tier.';
  else
    v_answer.verdict := 'ok';
  end if;
  return v_answer;
end;
$$;

comment on function private.answer(private.api_caller, integer) is
  'An answer with the quota filled in.';

revoke all on function private.answer(private.api_caller, integer)
  from public, anon, authenticated, service_role;
grant execute on function private.answer(private.api_caller, integer) to job_gateway;
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

revoke all on function private.check_lease(interval) from job_writer;
-- stamp: db/functions/private/check_lease.sql
-- check_lease(p_lease) -> void
--
-- Raises:  PT422 invalid_lease when the lease is negative or longer than a day.
-- Callers: the definers owned by job_writer.

create or replace function private.check_lease(p_lease interval)
returns void
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_lease < interval '0' or p_lease > interval '1 day' then
    raise exception 'lease is not between 0 and one day'
      using errcode = 'PT422', detail = 'invalid_lease', column = 'lease',
        hint = 'Pass an interval such as 30 seconds.';
  end if;
end;
$$;

comment on function private.check_lease(interval) is
  'Refuses a lease that no worker can mean.';

revoke all on function private.check_lease(interval)
  from public, anon, authenticated, service_role;
grant execute on function private.check_lease(interval) to job_writer;
-- end stamp

revoke all on function private.clean_error(text) from job_writer;
-- stamp: db/functions/private/clean_error.sql
-- clean_error(p_error) -> text
--
-- The error as it may be shown: user and password in URLs replaced by ***, control characters by
-- U+FFFD (all but tab and line ends: no terminal shall obey an error), cut at 2,000 characters (and
-- saying so).

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
    select regexp_replace(
      regexp_replace(
        btrim(p_error), '[\u0001-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]', U&'\FFFD', 'g'),
      '([A-Za-z][A-Za-z0-9+.-]*://)[^/[:space:]]*@', '\1***@', 'g')
  ) as e (text);
$$;

comment on function private.clean_error(text) is
  'The error text with credentials redacted, cut at 2,000 characters.';

revoke all on function private.clean_error(text)
  from public, anon, authenticated, service_role;
grant execute on function private.clean_error(text) to job_writer;
-- end stamp

-- stamp: db/functions/private/disable_api_key.sql
-- disable_api_key(p_key_id) -> table (key_id, name, enabled, created_at, expires_at, last_used_at)
--
-- Disables one key of the signed-in user for good; again is no error.
--
-- Why definer: the table of keys is closed to users. Identity comes from the claims only.
-- Raises:  PT404 when the user has no such key.
-- Callers: revoke_api_key.

create or replace function private.disable_api_key(p_key_id text)
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
    raise exception 'API key not found' using errcode = 'PT404';
  end if;
end;
$$;

comment on function private.disable_api_key(text) is
  'Disables an API key of the signed-in user.';

alter function private.disable_api_key(text) owner to job_gateway;
revoke all on function private.disable_api_key(text)
  from public, anon, authenticated, service_role;
grant execute on function private.disable_api_key(text) to authenticated;
-- end stamp

revoke all on function private.exposed_functions(text) from job_tenant;
-- stamp: db/functions/private/exposed_functions.sql
-- exposed_functions(p_name) -> table (name, is_volatile, returns_set, returns_void, row_name,
--   argument_names, argument_types, required_arguments, is_granted)
--
-- What the catalogue says of the functions in public, or of those of that name. row_name is the type
-- of a row, record for a row without a type, null for a scalar; is_granted says whether a signed-in
-- user may execute it. Left out are those that cannot be called by named arguments: triggers,
-- variadic functions and those with an argument without a name.
--
-- Callers: api_call_function, as job_tenant.

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
  'Lists the functions of the schema public as the catalogue has them.';

revoke all on function private.exposed_functions(text)
  from public, anon, authenticated, service_role;
grant execute on function private.exposed_functions(text) to job_tenant;
-- end stamp

revoke all on function private.identify_caller(text, jsonb) from job_gateway;
-- stamp: db/functions/private/identify_caller.sql
-- identify_caller(p_api_key, p_claims) -> api_caller
--
-- Who calls, by an API key or by claims that the HTTP layer has verified, and what is left of the
-- quota; user_id is null when the key is unknown, wrong, revoked or expired. Notes once an hour that
-- a key is in use. From here on the transaction runs under the caller's claims.
--
-- Callers: the api_* functions, as job_gateway.

create or replace function private.identify_caller(
  p_api_key text,
  p_claims jsonb
)
returns private.api_caller
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := private.clock();
  v_secret_hash bytea := sha256(convert_to(split_part(coalesce(p_api_key, ''), '_', 3), 'UTF8'));
  v_key private.api_keys;
  v_caller private.api_caller;
begin
  v_caller.window_start := date_trunc('hour', v_now, 'UTC');
  if p_api_key is not null then
    select k.* into v_key
    from private.api_keys as k
    where k.id = split_part(p_api_key, '_', 2)
      and k.secret_hash = v_secret_hash
      and split_part(p_api_key, '_', 1) = 'ij'
      and k.enabled
      and (k.expires_at is null or k.expires_at > v_now);
    v_caller.user_id := v_key.user_id;
  elsif p_claims ->> 'role' = 'authenticated' then
    v_caller.user_id := private.parse_uuid(p_claims ->> 'sub');
  end if;
  if v_caller.user_id is null then
    return v_caller;
  end if;

  perform set_config('request.jwt.claims', coalesce(
    p_claims, jsonb_build_object('sub', v_caller.user_id, 'role', 'authenticated'))::text, true);
  if v_key.id is not null and v_key.last_used_at is null
    or v_key.last_used_at < v_now - interval '1 hour'
  then
    update private.api_keys as k set last_used_at = v_now where k.id = v_key.id;
  end if;

  select
    t.requests_per_hour,
    coalesce((
      select c.requests
      from private.rate_limit_counters as c
      where c.user_id = v_caller.user_id and c.window_start >= v_caller.window_start), 0)
  into v_caller.rate_limit, v_caller.requests
  from private.tiers as t
  where t.name = coalesce(
    (select a.tier from private.accounts as a where a.user_id = v_caller.user_id), 'free');
  return v_caller;
end;
$$;

comment on function private.identify_caller(text, jsonb) is
  'Identifies the caller of an api_ function and takes on the claims.';

revoke all on function private.identify_caller(text, jsonb)
  from public, anon, authenticated, service_role;
grant execute on function private.identify_caller(text, jsonb) to job_gateway;
-- end stamp

revoke all on function private.lock_free_job() from job_writer;
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

revoke all on function private.rest_conditions(text, jsonb) from job_tenant;
-- stamp: db/functions/private/rest_conditions.sql
-- rest_conditions(p_alias, p_filters) -> text
--
-- The WHERE condition of PostgREST's filters: p_filters is an array of [column, negated, operator,
-- value], the value of `in` an array. Names are quoted as identifiers, values as literals; operators
-- are those of the list below and no other.
--
-- Raises:  22023 for another operator.
-- Callers: api_call_function, as job_tenant.

create or replace function private.rest_conditions(
  p_alias text,
  p_filters jsonb
)
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
      raise exception 'the filter % is not known', v_filter ->> 2 using errcode = '22023';
    end if;
    v_conditions := v_conditions || format(' and %s %I.%I %s',
      case when (v_filter ->> 1)::boolean then 'not' else '' end,
      p_alias, v_filter ->> 0, v_condition);
  end loop;
  return v_conditions;
end;
$$;

comment on function private.rest_conditions(text, jsonb) is
  'The WHERE condition of PostgREST''s filters.';

revoke all on function private.rest_conditions(text, jsonb)
  from public, anon, authenticated, service_role;
grant execute on function private.rest_conditions(text, jsonb) to job_tenant;
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

revoke all on table public.organization_members from job_writer;
-- stamp: db/policies/organization_members.sql
-- public.organization_members: users see their own rows, so that no policy needs to read this table twice.

alter table public.organization_members enable row level security;
alter table public.organization_members force row level security;

drop policy if exists organization_members_select_authenticated on public.organization_members;
create policy organization_members_select_authenticated on public.organization_members
  for select to authenticated
  using (user_id = (select private.current_user_id()));
comment on policy organization_members_select_authenticated on public.organization_members is
  'A user sees the user''s own memberships.';

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
  'The functions that write jobs look here.';

revoke all on table public.organization_members from public, anon, authenticated, service_role;
grant select on table public.organization_members to authenticated, job_writer;
grant select, insert, update, delete on table public.organization_members to service_role;
-- end stamp

revoke all on function public.api_call_function(jsonb, text, text, boolean, jsonb) from job_http;
-- stamp: db/functions/api_call_function.sql
-- api_call_function(p_claims, p_function, p_arguments, p_read_only, p_query)
--   -> table (body, row_count, total, is_void)
--
-- /rest/v1/rpc/{function}: any function in public that authenticated may execute, by name and named
-- arguments (a JSON object), with the answer as JSON text. A function that is not volatile, or any
-- when p_read_only, runs in a read-only transaction. p_query has filters, order, select, limit and
-- offset as api/rest.py reads them, count (whether total is wanted), object (one row, without the
-- array) and strip_nulls. Names reach the statement as quoted identifiers, all else as literals. The
-- search_path of the call is public, as PostgREST has it: functions and messages depend on it.
--
-- Why definer: it takes on claims that the HTTP layer has verified. It runs as job_tenant, which has
-- the rights of authenticated and no other: RLS and grants hold it like any user.
-- Raises:  PGRST, as PostgREST reads it, for PGRST116, PGRST202, PGRST203; 42501 for a function
--          that the caller may not execute; what the function raises.
-- Callers: job_http.

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

revoke all on function public.api_create_index_job(text, jsonb, text, text, text, text, text, text, integer) from job_http;
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

revoke all on function public.api_get_job_history(text, jsonb, text) from job_http;
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

revoke all on function public.api_get_job_status(text, jsonb, text) from job_http;
-- stamp: db/functions/api_get_job_status.sql
-- api_get_job_status(p_api_key, p_claims, p_job_id) -> api_answer
--
-- GET /jobs/{id} in one statement: key, quota, claims, and get_job_status under RLS. A refusal is an
-- answer, not an error, so that the count of the request stays. The count is written without waiting
-- for the disk: nothing else is.
--
-- Why definer: it checks API keys and takes on claims that the HTTP layer has verified; it reads jobs
-- as job_gateway, which RLS holds like any user.
-- Callers: job_http, service_role.

create or replace function public.api_get_job_status(
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
  v_body text;
  v_job_id uuid;
  v_status text;
  v_version bigint;
begin
  perform set_config('synchronous_commit', 'off', true);
  v_caller := private.identify_caller(p_api_key, p_claims);
  if v_caller.user_id is null or v_caller.requests >= v_caller.rate_limit then
    return private.answer(v_caller, null);
  end if;
  begin
    select row_to_json(j)::text, j.id, j.status, j.version
    into v_body, v_job_id, v_status, v_version
    from public.get_job_status(p_job_id => private.parse_uuid(p_job_id)) as j;
  exception when sqlstate 'PT404' then
    null;
  end;
  v_answer := private.answer(v_caller, private.count_request(v_caller));
  if v_answer.verdict = 'ok' then
    v_answer.verdict := case when v_job_id is null then 'PT404' else 'ok' end;
    v_answer.body := v_body;
    v_answer.job_id := v_job_id;
    v_answer.job_status := v_status;
    v_answer.job_version := v_version;
  end if;
  return v_answer;
end;
$$;

comment on function public.api_get_job_status(text, jsonb, text) is
  'Answers GET /jobs/{id}.';

alter function public.api_get_job_status(text, jsonb, text) owner to job_gateway;
revoke all on function public.api_get_job_status(text, jsonb, text)
  from public, anon, authenticated, service_role;
grant execute on function public.api_get_job_status(text, jsonb, text)
  to job_http, service_role;
-- end stamp

revoke all on function public.api_list_index_jobs(text, jsonb, text, text, text, timestamptz, text, integer) from job_http;
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

-- stamp: db/functions/ensure_repository.sql
-- ensure_repository(p_full_name, p_git_url, p_organization_id) -> setof repositories
--
-- Returns the repository of that name that the caller, or the organization, owns; makes it from
-- p_git_url when there is none. Two callers at once get the same row.
--
-- Raises:  PT422 invalid_full_name, invalid_git_url, missing_git_url, unknown_organization;
--          PT409 repository_url_differs; 42501 without a signed-in user.
-- Callers: authenticated.

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
  v_repository public.repositories;
begin
  if p_full_name is null or length(p_full_name) > 255
    or p_full_name !~ '^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+){1,7}$'
  then
    raise exception 'full_name is not of the form owner/name'
      using errcode = 'PT422', detail = 'invalid_full_name', column = 'full_name',
        hint = 'Use letters, digits, ., _ and - around one slash at least.';
  end if;
  if length(p_git_url) > 2048
    or p_git_url !~ '^(https?://|file:///|/)[^[:cntrl:][:space:]][^[:cntrl:]]*$'
    or p_git_url ~ '^[a-z]+://[^/]*@'
  then
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
      and case when p_organization_id is null
        then r.owner_user_id = v_user_id
        else r.organization_id = p_organization_id
      end;
    exit when found;
    if p_git_url is null then
      raise exception 'git_url is missing and there is no such repository'
        using errcode = 'PT422', detail = 'missing_git_url', column = 'git_url',
          hint = 'Pass the URL to clone from.';
    end if;
    insert into public.repositories (full_name, git_url, owner_user_id, organization_id)
    values (
      p_full_name, p_git_url,
      case when p_organization_id is null then v_user_id end, p_organization_id)
    on conflict do nothing
    returning * into v_repository;
    exit when found;
  end loop;

  if p_git_url <> v_repository.git_url then
    raise exception 'the repository of that name has another URL'
      using errcode = 'PT409', detail = 'repository_url_differs', column = 'git_url',
        hint = 'Use another name, or leave the URL out.';
  end if;
  return next v_repository;
end;
$$;

comment on function public.ensure_repository(text, text, uuid) is
  'Returns the repository of that name, made if there is none.';

revoke all on function public.ensure_repository(text, text, uuid)
  from public, anon, authenticated, service_role;
grant execute on function public.ensure_repository(text, text, uuid) to authenticated;
-- end stamp

-- stamp: db/functions/fail_job_attempt.sql
-- fail_job_attempt(p_job_id, p_attempt, p_error, p_retryable) -> setof index_jobs
--
-- The worker's report that its attempt failed. Retryable, and attempts left: the job stays
-- processing, without a worker, and may be claimed from retry_at on; last_error says why. Else it
-- is failed for good, and so is a job that an external queue runs, whose next attempt is not ours to
-- begin; cancelled instead of tried again when a user has asked for that. A repeat of the same report
-- (a lost answer) returns the row as it is and writes nothing.
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
  select j.*
  from private.end_attempt(
    v_job, v_now, v_error,
    p_retryable and (v_job.cancel_requested_at is not null or v_job.queue_job_id is null)) as j;
end;
$$;

comment on function public.fail_job_attempt(uuid, integer, text, boolean) is
  'Ends a failed attempt of an index job, which is tried again later or failed.';

alter function public.fail_job_attempt(uuid, integer, text, boolean) owner to job_writer;
revoke all on function public.fail_job_attempt(uuid, integer, text, boolean)
  from public, anon, authenticated, service_role;
grant execute on function public.fail_job_attempt(uuid, integer, text, boolean) to service_role;
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

-- stamp: db/functions/report_job_progress.sql
-- report_job_progress(p_job_id, p_attempt, p_phase, p_done, p_total, p_lease)
--   -> table (cancel_requested, lease_expires_at)
--
-- A sign of life of the worker, with or without progress (p_done of p_total things of p_phase; total
-- null while unknown). With p_lease the lease runs from now; p_lease => '0' ends the attempt and
-- hands the job back: the next claim takes it at once, and the job may be begun once more than
-- otherwise. The answer says whether the user has asked to cancel.
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
  v_hand_back boolean := coalesce(p_lease = interval '0', false);
  v_job public.index_jobs;
  v_moves boolean;
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

  v_moves := v_hand_back or (v_progress is not null and v_progress is distinct from v_job.progress);
  return query
  update public.index_jobs as j
  set heartbeat_at = v_now,
    lease_expires_at = case
      when not v_hand_back then coalesce(v_now + p_lease, j.lease_expires_at)
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

alter function public.report_job_progress(uuid, integer, text, bigint, bigint, interval) owner to job_writer;
revoke all on function public.report_job_progress(uuid, integer, text, bigint, bigint, interval)
  from public, anon, authenticated, service_role;
grant execute on function public.report_job_progress(uuid, integer, text, bigint, bigint, interval)
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

-- stamp deleted: db/functions/private/is_git_url.sql
drop function private.is_git_url(text);
-- end stamp

revoke create on schema public, private from job_writer, job_gateway, job_tenant;
revoke job_writer, job_gateway, job_tenant from current_user;
-- end stamped part

-- By hand, below it: drops of what the migration made.
create index index_jobs_owner_user_id_created_at_id_not_completed_idx
  on public.index_jobs (owner_user_id, created_at, id)
  where status <> 'completed' and owner_user_id is not null;
create index index_jobs_organization_id_created_at_id_not_completed_idx
  on public.index_jobs (organization_id, created_at, id)
  where status <> 'completed' and organization_id is not null;
drop index public.index_jobs_repository_id_created_at_id_completed_idx;
drop index public.index_jobs_repository_id_state_created_at_id_not_completed_idx;
drop index public.index_jobs_tenant_created_at_id_completed_idx;
drop index public.index_jobs_tenant_state_created_at_id_not_completed_idx;

notify pgrst, 'reload schema';
comment on schema private is 'schema version 20261125000810';
