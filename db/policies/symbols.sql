-- public.symbols: anyone who sees the repository sees its symbols; only functions write them.
--
-- offset 0 keeps the planner from reading the repositories of all tenants instead of one.

alter table public.symbols enable row level security;
alter table public.symbols force row level security;

drop policy if exists symbols_select_authenticated on public.symbols;
create policy symbols_select_authenticated on public.symbols
  for select to authenticated
  using (exists (
    select from public.repositories as r where r.id = symbols.repository_id offset 0));
comment on policy symbols_select_authenticated on public.symbols is
  'Users see the symbols of the repositories that they can see.';

drop policy if exists symbols_select_job_worker on public.symbols;
create policy symbols_select_job_worker on public.symbols
  for select to job_worker
  using (true);
comment on policy symbols_select_job_worker on public.symbols is
  'Workers read every row.';

drop policy if exists symbols_select_service_role on public.symbols;
create policy symbols_select_service_role on public.symbols
  for select to service_role
  using (true);
comment on policy symbols_select_service_role on public.symbols is
  'The service reads every row.';

drop policy if exists symbols_all_job_writer on public.symbols;
create policy symbols_all_job_writer on public.symbols
  for all to job_writer
  using (true)
  with check (true);
comment on policy symbols_all_job_writer on public.symbols is
  'The functions that store an index see and change every row.';

revoke all on table public.symbols from public, anon, authenticated, service_role;
revoke all on sequence public.symbols_id_seq from public, anon, authenticated, service_role;
grant select on table public.symbols to authenticated, job_worker, service_role;
grant select, insert, delete on table public.symbols to job_writer;
