-- find_organization(p_organization) -> uuid
--
-- Returns the id of the organization with this slug or id, if the caller may see it.
--
-- Raises:  PT422 invalid_organization, unknown_organization.
-- Callers: job_gateway.

create or replace function private.find_organization(p_organization text)
returns uuid
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_organization_id uuid;
begin
  if p_organization !~ '^[A-Za-z0-9-]{1,63}$' then
    raise exception 'organization is neither a slug nor an id'
      using errcode = 'PT422', detail = 'invalid_organization', column = 'organization',
        hint = 'Send one of your organizations, or leave it out for your own repositories.';
  end if;
  select o.id into v_organization_id
  from public.organizations as o
  where o.slug = p_organization or o.id = private.parse_uuid(p_organization);
  if not found then
    raise exception 'organization is unknown'
      using errcode = 'PT422', detail = 'unknown_organization', column = 'organization',
        hint = 'Name an organization that you are a member of.';
  end if;
  return v_organization_id;
end;
$$;

comment on function private.find_organization(text) is
  'Returns the id of an organization by its slug or id.';

revoke all on function private.find_organization(text)
  from public, anon, authenticated, service_role;
grant execute on function private.find_organization(text) to job_gateway;
