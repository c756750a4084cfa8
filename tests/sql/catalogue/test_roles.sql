-- What the roles can reach beyond the grants on single functions and tables.
begin;
select plan(10);

select is_empty(
  $$ select p.oid::regprocedure from pg_proc as p
     where p.pronamespace = 'public'::regnamespace
       and has_function_privilege('anon', p.oid, 'execute') $$,
  'anon may execute no function');
select is_empty(
  $$ select c.oid::regclass from pg_class as c
     where c.relnamespace in ('public'::regnamespace, 'private'::regnamespace)
       and c.relkind in ('r', 'v', 'm') and has_any_column_privilege('anon', c.oid,
         'select, insert, update, references') $$,
  'anon may read and write nothing');
select set_eq(
  $$ select n.nspname, r.rolname from pg_namespace as n
     cross join pg_roles as r
     where n.nspname in ('public', 'private') and r.rolname in
         ('anon', 'authenticated', 'service_role', 'job_writer', 'job_gateway', 'job_http',
          'job_tenant', 'job_worker')
       and has_schema_privilege(r.rolname, n.nspname, 'usage') $$,
  $$ select n, r from unnest(array['public', 'private']) as n
     cross join unnest(array['authenticated', 'service_role', 'job_writer', 'job_gateway',
       'job_http', 'job_tenant', 'job_worker']) as r
     union all values ('public', 'anon') $$,
  'anon has no access to the schema private');
select is_empty(
  $$ select n.nspname, r.rolname from pg_namespace as n
     cross join pg_roles as r
     where n.nspname in ('public', 'private') and r.rolname in
         ('anon', 'authenticated', 'service_role', 'job_writer', 'job_gateway', 'job_http',
          'job_tenant', 'job_worker', 'index_jobs_api', 'index_jobs_worker')
       and has_schema_privilege(r.rolname, n.nspname, 'create') $$,
  'none of the roles can create objects in the schemas');
select is_empty(
  $$ select r.rolname from pg_roles as r
     where r.rolname in ('anon', 'authenticated', 'service_role', 'job_writer', 'job_gateway',
         'job_http', 'job_tenant', 'job_worker', 'index_jobs_api', 'index_jobs_worker')
       and (r.rolsuper or r.rolcreaterole or r.rolcreatedb or r.rolbypassrls
         and (r.rolname <> 'service_role' or to_regrole('supabase_admin') is null)) $$,
  'no role bypasses RLS, except service_role as in Supabase');
select is_empty(
  $$ select r from unnest(array['service_role', 'authenticated', 'job_writer', 'job_gateway',
       'job_tenant', 'anon']) as r
     where pg_has_role('index_jobs_api', r, 'member') $$,
  'the HTTP login cannot become a role that sees jobs');
select set_eq(
  $$ select p.proname::text from pg_proc as p
     where p.pronamespace in ('public'::regnamespace, 'private'::regnamespace)
       and has_function_privilege('index_jobs_api', p.oid, 'execute') $$,
  $$ select p.proname::text from pg_proc as p
     where p.pronamespace = 'public'::regnamespace and p.proname like 'api\_%' $$,
  'the HTTP login may execute all api_ functions and nothing else');
select set_eq(
  $$ select r.rolname::text from pg_roles as r
     where r.rolname <> 'job_tenant' and pg_has_role('job_tenant', r.oid, 'member') $$,
  array['authenticated'],
  'the role that calls for users has exactly the rights of users');

select set_eq(
  $$ select m.roleid::regrole::text, m.member::regrole::text from pg_auth_members as m
     where m.roleid::regrole::text = any (array['anon', 'authenticated', 'service_role', 'job_writer',
         'job_gateway', 'job_tenant', 'job_http', 'job_worker'])
       and m.member::regrole::text = any (array['anon', 'authenticated', 'service_role', 'job_writer',
         'job_gateway', 'job_tenant', 'job_http', 'job_worker']) $$,
  $$ values ('authenticated', 'job_gateway'), ('authenticated', 'job_tenant') $$,
  'none of these roles is a member of another, except the two that act for users');
select set_eq(
  $$ select n.nspname, a.grantee::regrole::text from pg_namespace as n
     cross join aclexplode(n.nspacl) as a
     where n.nspname in ('public', 'private') and a.grantee::regrole::text like 'job\_%'
       and a.privilege_type = 'USAGE' $$,
  $$ select n, r from unnest(array['public', 'private']) as n
     cross join unnest(array['job_writer', 'job_gateway', 'job_http', 'job_worker']) as r $$,
  'the job_ roles reach both schemas by their own grants');

select * from finish();
rollback;
