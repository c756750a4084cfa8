-- Creates what the migrations need from Supabase and plain Postgres lacks: the API roles and the
-- users. Run it as the role that owns the database, before the migrations. It grants only what they
-- need. Safe to repeat; changes nothing on a Supabase project.

do $$
declare
  v_role text;
begin
  perform pg_advisory_xact_lock(hashtextextended('index_jobs:bootstrap', 0));

  foreach v_role in array array['anon', 'authenticated', 'service_role'] loop
    if not exists (select 1 from pg_catalog.pg_roles as r where r.rolname = v_role) then
      begin
        execute format('create role %I nologin noinherit', v_role);
      exception when duplicate_object or unique_violation then
        null;  -- another database of this cluster created it at the same moment
      end;
    end if;
  end loop;

  if to_regclass('auth.users') is not null then
    return;
  end if;

  create schema auth;

  create table auth.users (
    id uuid primary key,
    email text unique,
    created_at timestamptz not null default now(),
    banned_until timestamptz,
    deleted_at timestamptz
  );
  comment on schema auth is 'Stand-in for Supabase Auth.';
  comment on table auth.users is 'Stand-in for the users of Supabase Auth.';

  -- the default, unless it was revoked
  grant usage on schema public to authenticated, service_role;
end;
$$;
