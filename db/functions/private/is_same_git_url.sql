-- is_same_git_url(p_git_url, p_other) -> boolean
--
-- Whether two addresses belong to one repository: they have the same normal spelling, ignoring .git
-- at the end of http and https URLs. Git hosts serve both, or redirect from one to the other; two
-- folders are always different.
--
-- Callers: authenticated, job_writer.

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
