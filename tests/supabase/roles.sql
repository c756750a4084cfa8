-- The roles of a hosted project, created once per cluster by supabase_admin, its only superuser.
-- The tests set the passwords.

create role postgres login createdb createrole replication bypassrls;
alter role postgres set search_path = "$user", public, extensions;

create role anon nologin;
create role authenticated nologin;
create role service_role nologin bypassrls;
alter role anon set statement_timeout = '3s';
alter role authenticated set statement_timeout = '8s';

create role authenticator login noinherit;
alter role authenticator set statement_timeout = '8s';
alter role authenticator set lock_timeout = '8s';
grant anon, authenticated, service_role to authenticator;

create role dashboard_user nologin createdb createrole replication;
create role supabase_auth_admin login noinherit createrole;
alter role supabase_auth_admin set search_path = auth;

create role supabase_realtime_admin nologin noinherit;

grant anon, authenticated, service_role, authenticator, supabase_realtime_admin to postgres;
grant pg_monitor, pg_read_all_data, pg_signal_backend to postgres;

do $$
begin
  if current_setting('server_version_num')::integer >= 160000 then
    grant anon, authenticated, service_role, authenticator to postgres with admin option;
  end if;
end;
$$;
