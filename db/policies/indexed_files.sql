-- public.indexed_files: anyone who sees the repository sees its files; only functions write them.
--
-- offset 0 keeps the planner from reading the repositories of all tenants instead of one.

alter table public.indexed_files enable row level security;
alter table public.indexed_files force row level security;

drop policy if exists indexed_files_select_authenticated on public.indexed_files;
create policy indexed_files_select_authenticated on public.indexed_files
  for select to authenticated
  using (exists (
    select from public.repositories as r where r.id = indexed_files.repository_id offset 0));
comment on policy indexed_files_select_authenticated on public.indexed_files is
  'Users see the files of the repositories that they can see.';

drop policy if exists indexed_files_select_job_worker on public.indexed_files;
create policy indexed_files_select_job_worker on public.indexed_files
  for select to job_worker
  using (true);
comment on policy indexed_files_select_job_worker on public.indexed_files is
  'Workers read every row.';

drop policy if exists indexed_files_select_service_role on public.indexed_files;
create policy indexed_files_select_service_role on public.indexed_files
  for select to service_role
  using (true);
comment on policy indexed_files_select_service_role on public.indexed_files is
  'The service reads every row.';

drop policy if exists indexed_files_all_job_writer on public.indexed_files;
create policy indexed_files_all_job_writer on public.indexed_files
  for all to job_writer
  using (true)
  with check (true);
comment on policy indexed_files_all_job_writer on public.indexed_files is
  'The functions that store an index see and change every row.';

revoke all on table public.indexed_files from public, anon, authenticated, service_role;
revoke all on sequence public.indexed_files_id_seq from public, anon, authenticated, service_role;
grant select on table public.indexed_files to authenticated, job_worker, service_role;
grant select, insert, delete on table public.indexed_files to job_writer;
