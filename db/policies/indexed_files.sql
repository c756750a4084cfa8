-- public.indexed_files: who sees the repository sees its files; the service replaces them.

alter table public.indexed_files enable row level security;
alter table public.indexed_files force row level security;

drop policy if exists indexed_files_select_authenticated on public.indexed_files;
create policy indexed_files_select_authenticated on public.indexed_files
  for select to authenticated
  using (exists (select from public.repositories as r where r.id = indexed_files.repository_id));
comment on policy indexed_files_select_authenticated on public.indexed_files is
  'A user sees the files of the repositories that the user sees.';

drop policy if exists indexed_files_all_service_role on public.indexed_files;
create policy indexed_files_all_service_role on public.indexed_files
  for all to service_role
  using (true)
  with check (true);
comment on policy indexed_files_all_service_role on public.indexed_files is
  'The service manages every row.';

revoke all on table public.indexed_files from public, anon, authenticated, service_role;
revoke all on sequence public.indexed_files_id_seq from public, anon, authenticated, service_role;
grant select on table public.indexed_files to authenticated;
grant select, insert, delete on table public.indexed_files to service_role;
