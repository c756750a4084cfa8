-- public.skipped_files: anyone who sees the repository sees them; only functions write them.
--
-- offset 0 keeps the planner from reading the repositories of all tenants instead of one.

alter table public.skipped_files enable row level security;
alter table public.skipped_files force row level security;

drop policy if exists skipped_files_select_authenticated on public.skipped_files;
create policy skipped_files_select_authenticated on public.skipped_files
  for select to authenticated
  using (exists (
    select from public.repositories as r where r.id = skipped_files.repository_id offset 0));
comment on policy skipped_files_select_authenticated on public.skipped_files is
  'Users see the skipped files of the repositories that they can see.';

drop policy if exists skipped_files_select_job_worker on public.skipped_files;
create policy skipped_files_select_job_worker on public.skipped_files
  for select to job_worker
  using (true);
comment on policy skipped_files_select_job_worker on public.skipped_files is
  'Workers read every row.';

drop policy if exists skipped_files_select_service_role on public.skipped_files;
create policy skipped_files_select_service_role on public.skipped_files
  for select to service_role
  using (true);
comment on policy skipped_files_select_service_role on public.skipped_files is
  'The service reads every row.';

drop policy if exists skipped_files_all_job_writer on public.skipped_files;
create policy skipped_files_all_job_writer on public.skipped_files
  for all to job_writer
  using (true)
  with check (true);
comment on policy skipped_files_all_job_writer on public.skipped_files is
  'The functions that store an index see and change every row.';

revoke all on table public.skipped_files from public, anon, authenticated, service_role;
revoke all on sequence public.skipped_files_id_seq from public, anon, authenticated, service_role;
grant select on table public.skipped_files to authenticated, job_worker, service_role;
grant select, insert, delete on table public.skipped_files to job_writer;
