-- group_polls
-- depends: 20261128093002_functions_and_policies
-- previous text: 2c450a45a00e

set local lock_timeout = '250ms';

-- By hand, above the stamped part: what its functions and policies need.

-- begin stamped part (make migration rewrites it)
grant job_writer, job_gateway, job_tenant to current_user;
grant create on schema public, private to job_writer, job_gateway, job_tenant;
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
  where u.id is not null and not private.is_banned(u.id);
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
    with callers as materialized (
      select p.number, u.id, t.requests_per_hour,
        row_number() over (partition by u.id order by p.number) as nth
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
      left join private.accounts as a on a.user_id = u.id
      join private.tiers as t on t.name = coalesce(a.tier, 'free')
      where u.id is not null and not private.is_banned(u.id)
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
revoke create on schema public, private from job_writer, job_gateway, job_tenant;
revoke job_writer, job_gateway, job_tenant from current_user;
-- end stamped part

-- By hand, below it: what needs its functions (triggers, defaults); drops of tables.

-- Makes open sessions plan their statements again.
grant usage on schema private to job_writer;
notify pgrst, 'reload schema';
comment on schema private is 'schema version 20261129071557, text f2475357bce4, serves 20261128093002';
