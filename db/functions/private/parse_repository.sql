-- parse_repository(p_repository, p_git_base_url, p_local_url) -> table (full_name, git_url)
--
-- The name and the address of a repository that a request names: owner/name, which is cloned from
-- p_git_base_url; an https URL; or, with the URL of a local folder, the owner/name to call that by.
-- Each spelling of one repository gives the same name and address. What is not owner/name below the
-- base URL is called by host and path, with host_port where the port is not 443: no host name has
-- a _.
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
  v_host text;
  v_port text;
  v_path text;
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
  if not v_is_url then
    full_name := case when p_local_url is null then regexp_replace(p_repository, '[.]git$', '')
      else p_repository end;
    git_url := coalesce(p_local_url, p_git_base_url || full_name || '.git');
    if private.is_repository_name(full_name) and full_name !~ '/.*/' then
      return next;
      return;
    end if;
  elsif p_repository ~* '^https:' and private.is_git_url(p_repository) then
    v_host := lower(substring(p_repository from '^[^/]+//([^/:]+)'));
    v_host := regexp_replace(v_host, '[.]$', '');
    v_port := nullif(substring(p_repository from '^[^/]+//[^/]*:([0-9]+)/')::integer, 443);
    v_path := regexp_replace(substring(p_repository from '^[^/]+//[^/]+(/.*)$'), '/$', '');
    git_url := 'https://' || v_host || coalesce(':' || v_port, '');
    full_name := git_url || regexp_replace(v_path, '[.]git$', '');
    if starts_with(full_name, p_git_base_url) then
      full_name := substr(full_name, length(p_git_base_url) + 1);
      if private.is_repository_name(full_name) and full_name !~ '/.*/' then
        git_url := p_git_base_url || full_name || '.git';
        return next;
        return;
      end if;
    end if;
    full_name := v_host || coalesce('_' || v_port, '') || regexp_replace(v_path, '[.]git$', '');
    git_url := git_url || v_path;
    if private.is_repository_name(full_name) then
      return next;
      return;
    end if;
  end if;
  raise exception '%', case
      when p_local_url is not null then 'repository is not owner/name, to call a folder by'
      when v_is_url then 'repository is not an https URL of host and path alone'
      else 'repository is neither owner/name nor an https URL' end
    using errcode = 'PT422', detail = 'invalid_repository', column = 'repository',
      hint = case
        when p_local_url is not null then 'Send a name such as local/project.'
        when v_is_url then 'Send https://host/path of letters, digits, ., _ and -, without '
          'credentials, query and fragment.'
        else 'Send owner/name, or the https URL of a git repository.' end;
end;
$$;

comment on function private.parse_repository(text, text, text) is
  'The name and the address of a repository that a request names.';

revoke all on function private.parse_repository(text, text, text)
  from public, anon, authenticated, service_role;
grant execute on function private.parse_repository(text, text, text) to job_gateway;
