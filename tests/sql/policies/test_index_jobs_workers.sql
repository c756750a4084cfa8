-- Workers and the service see the rows of all tenants in each table that they may read.
begin;
select plan(4);

select tests.arrange_cast();
select tests.arrange_job('own', 'completed', tests.alice_repository());
select tests.arrange_job('shared', 'completed', tests.acme_repository());
create temp table tenants as
select r.id as repository_id, tests.id(j) as job_id
from (values (tests.alice_repository(), 'own'), (tests.acme_repository(), 'shared')) as r (id, j);
insert into indexed_files (repository_id, job_id, path, bytes, blob_sha)
select t.repository_id, t.job_id, 'a.py', 1, 'x' from tenants as t;
insert into symbols (repository_id, file_id, name, kind, start_line, end_line)
select t.repository_id, 1, 'f', 'function', 1, 1 from tenants as t;
insert into skipped_files (repository_id, job_id, path, reason)
select t.repository_id, t.job_id, 'b.py', 'binary' from tenants as t;
insert into indexed_commits (repository_id, job_id, commit_sha, extractor, stats)
select t.repository_id, t.job_id, repeat('a', 40), 'x', '{}' from tenants as t;

create function pg_temp.readable(p_role text) returns setof text
language sql as $$
  select c.relname from pg_class as c
  where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
    and has_table_privilege(p_role, c.oid, 'select');
$$;
create function pg_temp.rows_of(p_table text) returns bigint
language plpgsql as $$
declare
  v_rows bigint;
begin
  execute format('select count(*) from public.%I', p_table) into v_rows;
  return v_rows;
end;
$$;
create temp table all_rows as
select t.name, pg_temp.rows_of(t.name) as rows from unnest(array(
  select pg_temp.readable('service_role'))) as t (name);
create temp table workers_rows as
select a.* from all_rows as a where a.name in (select pg_temp.readable('job_worker'));
grant select on all_rows, workers_rows to public;

select is_empty('select a.name from all_rows as a where a.rows = 0', 'each table has rows');
select set_eq(
  $$ select pg_temp.readable('job_worker') $$, 'select a.name from workers_rows as a',
  'the service may read every table that workers may read');
select tests.act_as_worker();
select is_empty(
  'select a.name from all_rows as a where pg_temp.rows_of(a.name) <> a.rows',
  'the service sees every row');
select tests.act_as_job_worker();
select is_empty(
  'select a.name from workers_rows as a where pg_temp.rows_of(a.name) <> a.rows',
  'workers see every row of these tables');

select * from finish();
rollback;
