-- is_git_url(p_git_url) -> boolean
--
-- Whether a repository may be at that address: an http or https URL, a file URL or an absolute path
-- of at most 2,048 characters, none of them a control character.
--
-- A URL that goes over the net holds no credentials: nothing before an @ in the place of the host,
-- which no third slash precedes, nor with a colon anywhere before an @ (a password may have
-- slashes); no query and no fragment. An @ further on, as in /a@b.git, is a name.
--
-- Callers: authenticated, service_role: a constraint of repositories; ensure_repository.

create or replace function private.is_git_url(p_git_url text)
returns boolean
language sql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select length(p_git_url) <= 2048
    and p_git_url !~ '[[:cntrl:]]'
    and case when p_git_url ~ '^https?:'
      then p_git_url ~ '^https?://[^/[:space:]@?#\\][^?#\\]*$'
        and p_git_url !~ '://([^/]*|.*:.*)@'
      else p_git_url ~ '^(file://)?/[^[:space:]]'
    end;
$$;

comment on function private.is_git_url(text) is
  'Whether a text is an address to clone from that holds no credentials.';

revoke all on function private.is_git_url(text)
  from public, anon, authenticated, service_role;
grant execute on function private.is_git_url(text) to authenticated, service_role;
