-- parse_repository(p_repository, p_git_base_url, p_local_url) -> table (full_name, git_url)
--
-- The name and address of the repository in a request: owner/name, cloned from p_git_base_url; an
-- https URL; or, with the URL of a local folder, the owner/name to call it by. All spellings of one
-- repository give the same name and address. A repository outside the base URL is named by host and
-- path, with host_port if the port is not 443, because no host name has a _.
--
-- Raises:  PT422 missing_repository, invalid_repository, invalid_local_path.
-- Callers: job_gateway.

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
