-- Extra settings of a development server: Supabase's default privileges, so that a missing revoke
-- fails here as on Supabase, and no temporary tables or large objects for ordinary logins. Never
-- run it elsewhere: whatever its role later creates in public is open to the API roles. Safe to
-- repeat.

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
