-- ensure_repository(p_full_name, p_git_url, p_organization_id) -> setof repositories
--
-- Returns the repository of that name that the caller, or the organization, owns. If there is none,
-- it is created from p_git_url in its normal spelling. Two callers at once get the same row.
--
-- Raises:  PT422 invalid_repository, invalid_git_url, missing_git_url, unknown_organization;
--          PT409 repository_url_differs; 42501 without a signed-in user.
-- Callers: authenticated.

create or replace function public.ensure_repository(
  p_full_name text,
  p_git_url text default null,
  p_organization_id uuid default null
)
returns setof public.repositories
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id uuid := private.current_user_id();
  v_git_url text := private.normal_git_url(p_git_url);
  v_owner_user_id uuid := case when p_organization_id is null then v_user_id end;
  v_repository public.repositories;
begin
  -- existing rows were checked before; RLS hides names of other tenants
  select r.* into v_repository
  from public.repositories as r
  where r.full_name = p_full_name
    and (r.owner_user_id = v_owner_user_id or r.organization_id = p_organization_id);
  if found and (p_git_url is null or v_git_url = v_repository.git_url) then
    return next v_repository;
    return;
  end if;

  if private.is_repository_name(p_full_name) is not true then
    raise exception 'full_name is not of the form owner/name'
      using errcode = 'PT422', detail = 'invalid_repository', column = 'full_name',
        hint = 'Use letters, digits, ., _ and -, with at least one slash.';
  end if;
  if not private.is_git_url(v_git_url) then
    raise exception 'git_url is neither an https URL without credentials nor an absolute path'
      using errcode = 'PT422', detail = 'invalid_git_url', column = 'git_url',
        hint = 'Pass a URL such as https://example.org/owner/name.git.';
  end if;
  if p_organization_id is not null and not exists (
    select from public.organization_members as m
    where m.organization_id = p_organization_id and m.user_id = v_user_id)
  then
    raise exception 'organization is unknown'
      using errcode = 'PT422', detail = 'unknown_organization', column = 'organization',
        hint = 'Name an organization that you are a member of.';
  end if;

  loop
    select r.* into v_repository
    from public.repositories as r
    where r.full_name = p_full_name
      and (r.owner_user_id = v_owner_user_id or r.organization_id = p_organization_id);
    exit when found;
    if p_git_url is null then
      raise exception 'git_url is missing and there is no such repository'
        using errcode = 'PT422', detail = 'missing_git_url', column = 'git_url',
          hint = 'Pass the URL to clone from.';
    end if;
    insert into public.repositories (full_name, git_url, owner_user_id, organization_id)
    values (p_full_name, v_git_url, v_owner_user_id, p_organization_id)
    on conflict do nothing
    returning * into v_repository;
    exit when found;
  end loop;

  if not private.is_same_git_url(v_git_url, v_repository.git_url) then
    raise exception 'the repository with this name has a different address'
      using errcode = 'PT409', detail = 'repository_url_differs', column = 'git_url',
        hint = 'If the repository has moved, correct its address with PATCH /repositories/{id} or '
          'set_repository_url; the id is in its jobs. If it is another one, use another name.';
  end if;
  return next v_repository;
end;
$$;

comment on function public.ensure_repository(text, text, uuid) is
  'Returns the repository of that name, and creates it if there is none.';

revoke all on function public.ensure_repository(text, text, uuid)
  from public, anon, authenticated, service_role;
grant execute on function public.ensure_repository(text, text, uuid) to authenticated;
