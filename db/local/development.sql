-- What a server of development has besides: Supabase's default privileges, so that a missing revoke
-- fails here as it would there, and no room that every login may take. Never run it elsewhere: what
-- the role that runs it makes later in public is open to the API roles. Safe to repeat.

grant usage on schema auth, public to anon, authenticated, service_role;
alter default privileges in schema public
  grant all on tables to anon, authenticated, service_role;
alter default privileges in schema public
  grant all on functions to anon, authenticated, service_role;
alter default privileges in schema public
  grant all on sequences to anon, authenticated, service_role;

do $$
begin
  if not (select r.rolsuper from pg_catalog.pg_roles as r where r.rolname = current_user) then
    return;  -- the functions below belong to a superuser
  end if;
  execute format('revoke temporary on database %I from public', current_database());
  revoke execute on function
    pg_catalog.lo_creat(integer), pg_catalog.lo_create(oid), pg_catalog.lo_from_bytea(oid, bytea)
    from public;
end;
$$;
