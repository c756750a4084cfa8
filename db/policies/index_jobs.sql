-- public.index_jobs: owners and members read; only the functions of job_writer write.
--
-- offset 0 keeps the planner from reading all memberships of the user before the first row: a page
-- costs the same for a member of one and of a thousand organizations.

alter table public.index_jobs enable row level security;
alter table public.index_jobs force row level security;

drop policy if exists index_jobs_select_authenticated on public.index_jobs;
create policy index_jobs_select_authenticated on public.index_jobs
  for select to authenticated
  using (owner_user_id = (select private.current_user_id())
    or exists (
      select from public.organization_members as m
      where m.organization_id = index_jobs.organization_id
        and m.user_id = (select private.current_user_id())
      offset 0));
comment on policy index_jobs_select_authenticated on public.index_jobs is
  'Users see their own jobs and those of their organizations.';

drop policy if exists index_jobs_select_workers on public.index_jobs;
create policy index_jobs_select_workers on public.index_jobs
  for select to job_worker, service_role
  using (true);
comment on policy index_jobs_select_workers on public.index_jobs is
  'Workers and the service read every row.';

drop policy if exists index_jobs_all_job_writer on public.index_jobs;
create policy index_jobs_all_job_writer on public.index_jobs
  for all to job_writer
  using (true)
  with check (true);
comment on policy index_jobs_all_job_writer on public.index_jobs is
  'The functions that change jobs see and change every row.';

revoke all on table public.index_jobs from public, anon, authenticated, service_role;
grant select on table public.index_jobs to authenticated, job_worker, service_role;
grant select, insert, update, delete on table public.index_jobs to job_writer;

grant select, update on sequence private.claim_cursor_high to job_writer;
grant select, update on sequence private.claim_cursor_low to job_writer;
grant select, update on sequence private.claim_lease_check to job_writer;
