-- is_repository_name(p_name) -> boolean
--
-- Whether the text can be the full name of a repository: 2 to 8 parts of letters, digits, ._~+- and
-- %XX, separated by slashes, at most 255 characters. These are the characters in the path of an
-- address in its normal spelling (private.normal_git_url). No part is . or .., or starts with a
-- dash.
--
-- Callers: authenticated, job_gateway, job_writer, service_role.

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
