-- public.index_job_events: anyone who sees the job sees its events; only job_writer appends to it.

alter table public.index_job_events enable row level security;
alter table public.index_job_events force row level security;

drop policy if exists index_job_events_select_authenticated on public.index_job_events;
create policy index_job_events_select_authenticated on public.index_job_events
  for select to authenticated
  using (exists (select from public.index_jobs as j where j.id = index_job_events.job_id));
comment on policy index_job_events_select_authenticated on public.index_job_events is
  'Users see the events of the jobs that they can see.';

drop policy if exists index_job_events_select_workers on public.index_job_events;
create policy index_job_events_select_workers on public.index_job_events
  for select to job_worker, service_role
  using (true);
comment on policy index_job_events_select_workers on public.index_job_events is
  'Workers and the service read every row.';

drop policy if exists index_job_events_select_job_writer on public.index_job_events;
create policy index_job_events_select_job_writer on public.index_job_events
  for select to job_writer
  using (true);
comment on policy index_job_events_select_job_writer on public.index_job_events is
  'The trigger counts the events of a job.';

drop policy if exists index_job_events_insert_job_writer on public.index_job_events;
create policy index_job_events_insert_job_writer on public.index_job_events
  for insert to job_writer
  with check (true);
comment on policy index_job_events_insert_job_writer on public.index_job_events is
  'The trigger appends events.';

revoke all on table public.index_job_events from public, anon, authenticated, service_role;
grant select on table public.index_job_events to authenticated, job_worker, service_role;
grant select, insert on table public.index_job_events to job_writer;
