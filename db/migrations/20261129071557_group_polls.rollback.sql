-- group_polls, undone

set local lock_timeout = '250ms';

-- By hand, above the stamped part: what would keep its functions from being dropped.

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
drop function public.api_get_job_statuses(text[], jsonb[], text[], bigint[]);
revoke create on schema public, private from job_writer, job_gateway, job_tenant;
revoke job_writer, job_gateway, job_tenant from current_user;
-- end stamped part

-- By hand, below it: drops of what the migration made.

-- Makes open sessions plan their statements again.
grant usage on schema private to job_writer;
notify pgrst, 'reload schema';
comment on schema private is 'schema version 20261128093002, text 2c450a45a00e, serves 20261128093002';
