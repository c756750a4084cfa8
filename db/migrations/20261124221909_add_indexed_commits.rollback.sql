-- add_indexed_commits, undone

-- begin stamped part (python -m db.stamp again rewrites it)
grant job_writer, job_gateway, job_tenant to current_user;
grant create on schema public, private to job_writer, job_gateway, job_tenant;

-- stamp deleted: db/policies/indexed_commits.sql
drop policy if exists indexed_commits_select_authenticated on public.indexed_commits;
drop policy if exists indexed_commits_all_service_role on public.indexed_commits;
revoke all on table public.indexed_commits from public, anon, authenticated, service_role;
-- end stamp

revoke create on schema public, private from job_writer, job_gateway, job_tenant;
revoke job_writer, job_gateway, job_tenant from current_user;
-- end stamped part

-- By hand, below it: drops of what the migration made.
alter table public.symbols
  drop constraint symbols_repository_id_file_id_fkey,
  add constraint symbols_repository_id_fkey foreign key (repository_id)
    references public.repositories on delete cascade,
  add constraint symbols_file_id_fkey foreign key (file_id)
    references public.indexed_files on delete cascade;
create index symbols_file_id_idx on public.symbols (file_id);
drop index public.symbols_repository_id_file_id_idx;
alter table public.indexed_files drop constraint indexed_files_repository_id_id_key;
drop table public.indexed_commits;
alter table public.indexed_files drop column symbol_count;
-- The owner sees the rows of a table that forces row-level security only where that is lifted.
alter table public.indexed_files no force row level security;
alter table public.index_jobs no force row level security;
update public.indexed_files as f
set job_id = null
where not exists (select from public.index_jobs as j where j.id = f.job_id);
alter table public.indexed_files
  add constraint indexed_files_job_id_fkey foreign key (job_id)
    references public.index_jobs on delete set null;
alter table public.indexed_files force row level security;
alter table public.index_jobs force row level security;
create index indexed_files_job_id_idx on public.indexed_files (job_id);
comment on column public.indexed_files.job_id is 'The job that wrote the row.';
comment on table public.indexed_files is
  'The files of each repository as of its last completed job, replaced in one transaction.';

notify pgrst, 'reload schema';
comment on schema private is 'schema version 20261124221449';
