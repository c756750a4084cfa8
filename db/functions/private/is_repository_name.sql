-- is_repository_name(p_name) -> boolean
--
-- Whether the text can be the full name of a repository: 2 to 8 parts of letters, digits, ., _ and
-- -, with slashes between, at most 255 characters. No part is . or .., or begins with a dash.
--
-- Callers: authenticated, job_gateway, service_role.

create or replace function private.is_repository_name(p_name text)
returns boolean
language sql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select length(p_name) <= 255
    and p_name ~ '^[A-Za-z0-9_.][A-Za-z0-9_.-]*(/[A-Za-z0-9_.][A-Za-z0-9_.-]*){1,7}$'
    and p_name !~ '(^|/)[.]{1,2}(/|$)';
$$;

comment on function private.is_repository_name(text) is
  'Whether the text can be the full name of a repository.';

revoke all on function private.is_repository_name(text)
  from public, anon, authenticated, service_role;
grant execute on function private.is_repository_name(text)
  to authenticated, service_role, job_gateway;
