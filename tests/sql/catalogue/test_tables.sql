-- Each table, column and sequence of the schemas public and private, and the privileges of each
-- role besides its owner. Each new table gets a line here for each of its roles.
begin;
select plan(12);

create temp table declared (name text, grantee text, privileges text);
insert into declared values
  ('public.index_jobs', 'authenticated', 'SELECT'),
  ('public.index_jobs', 'job_worker', 'SELECT'),
  ('public.index_jobs', 'job_writer', 'DELETE, INSERT, SELECT, UPDATE'),
  ('public.index_jobs', 'service_role', 'SELECT'),
  ('public.index_job_events', 'authenticated', 'SELECT'),
  ('public.index_job_events', 'job_worker', 'SELECT'),
  ('public.index_job_events', 'job_writer', 'INSERT, SELECT'),
  ('public.index_job_events', 'service_role', 'SELECT'),
  ('public.indexed_commits', 'authenticated', 'SELECT'),
  ('public.indexed_commits', 'job_worker', 'SELECT'),
  ('public.indexed_commits', 'job_writer', 'DELETE, INSERT, SELECT, UPDATE'),
  ('public.indexed_commits', 'service_role', 'SELECT'),
  ('public.indexed_files', 'authenticated', 'SELECT'),
  ('public.indexed_files', 'job_worker', 'SELECT'),
  ('public.indexed_files', 'job_writer', 'DELETE, INSERT, SELECT'),
  ('public.indexed_files', 'service_role', 'SELECT'),
  ('public.skipped_files', 'authenticated', 'SELECT'),
  ('public.skipped_files', 'job_worker', 'SELECT'),
  ('public.skipped_files', 'job_writer', 'DELETE, INSERT, SELECT'),
  ('public.skipped_files', 'service_role', 'SELECT'),
  ('public.symbols', 'authenticated', 'SELECT'),
  ('public.symbols', 'job_worker', 'SELECT'),
  ('public.symbols', 'job_writer', 'DELETE, INSERT, SELECT'),
  ('public.symbols', 'service_role', 'SELECT'),
  ('public.organizations', 'authenticated', 'SELECT'),
  ('public.organizations', 'service_role', 'DELETE, INSERT, SELECT, UPDATE'),
  ('public.organization_members', 'authenticated', 'SELECT'),
  ('public.organization_members', 'job_writer', 'SELECT'),
  ('public.organization_members', 'service_role', 'DELETE, INSERT, SELECT, UPDATE'),
  ('public.repositories', 'authenticated', 'SELECT'),
  ('public.repositories', 'job_worker', 'SELECT'),
  ('public.repositories', 'job_writer', 'SELECT'),
  ('public.repositories', 'service_role', 'DELETE, INSERT, SELECT, UPDATE'),
  ('public.repositories.full_name', 'authenticated', 'INSERT'),
  ('public.repositories.git_url', 'authenticated', 'INSERT'),
  ('public.repositories.git_url', 'job_writer', 'UPDATE'),
  ('public.repositories.organization_id', 'authenticated', 'INSERT'),
  ('public.repositories.owner_user_id', 'authenticated', 'INSERT'),
  ('private.accounts', 'job_gateway', 'SELECT'),
  ('private.accounts', 'service_role', 'DELETE, INSERT, SELECT, UPDATE'),
  ('private.admin_audit', 'job_writer', 'INSERT'),
  ('private.admin_audit', 'service_role', 'SELECT'),
  ('private.api_keys', 'job_gateway', 'INSERT, SELECT, UPDATE'),
  ('private.gone_files', 'job_writer', 'DELETE, SELECT'),
  ('private.incoming_files', 'job_writer', 'DELETE, SELECT'),
  ('private.incoming_skipped', 'job_writer', 'DELETE, SELECT'),
  ('private.incoming_symbols', 'job_writer', 'DELETE, SELECT'),
  ('private.index_durations', 'job_writer', 'DELETE, INSERT, SELECT'),
  ('private.job_ends', 'job_writer', 'DELETE, INSERT, SELECT, UPDATE'),
  ('private.job_ends', 'service_role', 'SELECT'),
  ('private.job_metric_log', 'job_writer', 'DELETE, INSERT, SELECT'),
  ('private.job_metrics', 'job_writer', 'INSERT, SELECT, UPDATE'),
  ('private.job_metrics', 'service_role', 'SELECT'),
  ('private.claim_cursor_high', 'job_writer', 'SELECT, UPDATE'),
  ('private.claim_cursor_low', 'job_writer', 'SELECT, UPDATE'),
  ('private.claim_lease_check', 'job_writer', 'SELECT, UPDATE'),
  ('private.rate_limit_counters', 'job_gateway', 'INSERT, SELECT, UPDATE'),
  ('private.development', null, null),
  ('private.idempotency_keys', 'job_writer', 'INSERT, SELECT'),
  ('private.queue_attempts', 'job_writer', 'INSERT, SELECT, UPDATE'),
  ('private.runners', 'job_writer', 'DELETE, INSERT, SELECT, UPDATE'),
  ('private.runners', 'service_role', 'SELECT'),
  ('private.tiers', 'job_gateway', 'SELECT'),
  ('private.tiers', 'service_role', 'DELETE, INSERT, SELECT, UPDATE');

-- the columns that workers send
insert into declared
select 'private.' || c, w, 'INSERT'
from unnest(array[
  'gone_files.id', 'incoming_files.file_no', 'incoming_files.path', 'incoming_files.language',
  'incoming_files.bytes', 'incoming_files.blob_sha', 'incoming_files.symbol_count',
  'incoming_skipped.path', 'incoming_skipped.reason', 'incoming_symbols.file_no',
  'incoming_symbols.name', 'incoming_symbols.kind', 'incoming_symbols.start_line',
  'incoming_symbols.end_line', 'incoming_symbols.parent']) as c
cross join unnest(array['job_worker', 'service_role']) as w;

create temp table relations as
select n.nspname || '.' || c.relname as name, n.nspname as schema, c.*
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
where n.nspname in ('public', 'private') and c.relkind in ('r', 'p', 'v', 'm', 'S', 'f')
  and c.relname !~ '^_?yoyo';

create temp table granted as
select x.name, x.grantee, string_agg(x.privilege_type, ', ' order by x.privilege_type) as privileges
from (
  select r.name, case a.grantee when 0 then 'public' else a.grantee::regrole::text end as grantee,
    a.privilege_type
  from relations as r
  cross join aclexplode(coalesce(r.relacl,
    acldefault(case r.relkind when 'S' then 's'::"char" else 'r' end, r.relowner))) as a
  where a.grantee <> r.relowner
  union all
  select r.name || '.' || c.attname,
    case a.grantee when 0 then 'public' else a.grantee::regrole::text end, a.privilege_type
  from relations as r
  join pg_attribute as c on c.attrelid = r.oid
  cross join aclexplode(c.attacl) as a) as x
group by x.name, x.grantee;

select set_eq(
  'select g.name, g.grantee, g.privileges from granted as g',
  'select d.name, d.grantee, d.privileges from declared as d where d.grantee is not null',
  'these are the privileges on tables, columns and sequences, and no others');
select set_eq(
  $$ select r.name from relations as r where r.relkind <> 'S' $$,
  $$ select distinct d.name from declared as d
     where d.name !~ '[.].*[.]|[.]claim_(cursor|lease)' $$,
  'these are the tables');
select is_empty(
  $$ select r.name from relations as r where r.relkind = 'r' and r.schema = 'public'
     and not (r.relrowsecurity and r.relforcerowsecurity) $$,
  'row-level security is enabled and forced on every table with tenant data');
select is_empty(
  $$ select r.name from relations as r where r.relkind = 'r' and r.schema = 'private'
     and has_table_privilege('authenticated', r.oid, 'select') $$,
  'tables without row-level security are closed to tenants');
select is_empty(
  $$ select p.polname, d.grantee from pg_policy as p
     join relations as r on r.oid = p.polrelid
     cross join lateral (select case u when 0 then 'public' else u::regrole::text end as grantee
       from unnest(p.polroles) as u) as d
     where d.grantee in ('public', 'anon') $$,
  'no policy is for public');
select is_empty(
  $$ select p.polrelid::regclass, p.polcmd, u from pg_policy as p
     cross join unnest(p.polroles) as u
     join relations as r on r.oid = p.polrelid
     group by p.polrelid, p.polcmd, u having count(*) > 1 $$,
  'a role has at most one policy per command and table');
select is_empty(
  $$ select p.polname from pg_policy as p
     join relations as r on r.oid = p.polrelid
     where obj_description(p.oid, 'pg_policy') is null
       or p.polname !~ ('^' || r.relname || '_(select|insert|update|delete|all)_[a-z_]+$') $$,
  'each policy has a comment and is named after table, command and role');
select is_empty(
  $$ select k.conname from pg_constraint as k
     join relations as r on r.oid = k.conrelid
     where k.contype = 'f' and not exists (
       select from pg_index as i
       where i.indrelid = k.conrelid
         and (i.indpred is null or pg_get_expr(i.indpred, i.indrelid) = (
           select format('(%I IS NOT NULL)', a.attname) from pg_attribute as a
           where a.attrelid = k.conrelid and a.attnum = k.conkey[1]))
         and (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey) $$,
  'each foreign key is indexed');
select is_empty(
  $$ select r.name, a.attname from relations as r
     join pg_attribute as a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
     where r.relkind = 'r' and col_description(r.oid, a.attnum) is null
     union all
     select r.name, null from relations as r
     where r.relkind = 'r' and obj_description(r.oid, 'pg_class') is null $$,
  'each table and each column has a comment');
select is_empty(
  $$ select i.indexrelid::regclass, a.attname from pg_index as i
     join pg_attribute as a on a.attrelid = i.indrelid
     where i.indrelid = 'public.index_jobs'::regclass
       and a.attname in ('heartbeat_at', 'lease_expires_at', 'progress', 'updated_at', 'version')
       and pg_get_indexdef(i.indexrelid) ~ ('\m' || a.attname || '\M') $$,
  'no index contains a column that heartbeats or progress reports change');
select set_eq(
  $$ select t.tgname from pg_trigger as t
     join relations as r on r.oid = t.tgrelid
     where not t.tgisinternal and t.tgenabled = 'O' $$,
  $$ values ('index_jobs_record_creation'), ('index_jobs_record_change'),
       ('index_jobs_broadcast_creation'), ('index_jobs_broadcast_change'),
       ('index_jobs_count_deletion'),
       ('indexed_files_delete_symbols'), ('indexed_commits_refuse_partial_index') $$,
  'these are the triggers');
select is_empty(
  $$ select k.conname from pg_constraint as k
     join relations as r on r.oid = k.conrelid
     where k.contype = 'c' and k.conname !~ ('^' || r.relname || '_[a-z0-9_]{8,}$') $$,
  'each check constraint has a name that reads as a sentence about its table');

select * from finish();
rollback;
