-- add_indexed_commits, undone

-- begin stamped part (python -m db.stamp again rewrites it)
grant job_writer, job_gateway to current_user;
grant create on schema public, private to job_writer, job_gateway;

-- stamp deleted: db/policies/indexed_commits.sql
drop policy if exists indexed_commits_select_authenticated on public.indexed_commits;
drop policy if exists indexed_commits_all_service_role on public.indexed_commits;
revoke all on table public.indexed_commits from public, anon, authenticated, service_role;
-- end stamp

revoke create on schema public, private from job_writer, job_gateway;
revoke job_writer, job_gateway from current_user;
-- end stamped part

-- By hand, below it: drops of what the migration made.
drop table public.indexed_commits;
alter table public.indexed_files drop column symbol_count;
comment on column public.indexed_files.job_id is 'The job that wrote the row.';
comment on table public.indexed_files is
  'The files of each repository as of its last completed job, replaced in one transaction.';

notify pgrst, 'reload schema';
comment on schema private is 'schema version 20261124043324';
