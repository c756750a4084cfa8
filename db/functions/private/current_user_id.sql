-- current_user_id() -> uuid
--
-- The signed-in user: the sub claim of request.jwt.claims, or null if the claims are missing, not
-- JSON, or have no UUID there. It never raises: a caller with bad claims sees nothing. STABLE, not
-- immutable: a cached plan would return the previous user.
--
-- Callers: anon, authenticated, job_gateway, job_writer, service_role.

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
