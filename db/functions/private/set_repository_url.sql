-- set_repository_url(p_repository_id, p_git_url) -> void
--
-- Corrects the address of a repository in the name of the signed-in user: its owner, or an owner or
-- admin of the organization that owns it. Unless only the spelling has changed, the next index
-- starts from nothing.
--
-- Why definer: only job_writer may change a repository. Identity comes from the claims only.
-- Locks:   the repositories row, for no key update.
-- Raises:  PT404 when the repository is missing or hidden; PT403 not_allowed; PT422
--          invalid_git_url.
-- Callers: authenticated: set_repository_url.

create or replace function private.set_repository_url(p_repository_id uuid, p_git_url text)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id uuid := private.current_user_id();
  v_git_url text := private.normal_git_url(p_git_url);
  v_may boolean;
  v_old text;
begin
  select r.owner_user_id is not null or m.role in ('owner', 'admin'), r.git_url
  into v_may, v_old
  from public.repositories as r
  left join public.organization_members as m
    on m.organization_id = r.organization_id and m.user_id = v_user_id
  where r.id = p_repository_id and (r.owner_user_id = v_user_id or m.user_id is not null)
  for no key update of r;
  if not found then
    raise exception 'repository not found' using errcode = 'PT404';
  end if;
  if v_may is not true then
    raise exception 'a member may not change a repository of the organization'
      using errcode = 'PT403', detail = 'not_allowed', column = 'repository_id',
        hint = 'Ask an owner or admin of the organization.';
  end if;
  if private.is_git_url(v_git_url) is not true then
    raise exception 'git_url is neither an https URL without credentials nor an absolute path'
      using errcode = 'PT422', detail = 'invalid_git_url', column = 'git_url',
        hint = 'Pass a URL such as https://example.org/owner/name.git.';
  end if;

  update public.repositories as r set git_url = v_git_url where r.id = p_repository_id;
  if not private.is_same_git_url(v_git_url, v_old) then
    update public.indexed_commits as c set extractor = '' where c.repository_id = p_repository_id;
  end if;
end;
$$;

comment on function private.set_repository_url(uuid, text) is
  'Corrects the address of a repository for the signed-in user.';

alter function private.set_repository_url(uuid, text) owner to job_writer;
revoke all on function private.set_repository_url(uuid, text)
  from public, anon, authenticated, service_role;
grant execute on function private.set_repository_url(uuid, text) to authenticated;
