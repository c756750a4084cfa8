-- create_index_jobs, undone

set local lock_timeout = '250ms';

drop schema private cascade;
drop table public.symbols;
drop table public.skipped_files;
drop table public.indexed_commits;
drop table public.indexed_files;
drop table public.index_job_events;
drop table public.index_jobs;
drop table public.repositories;
drop table public.organization_members;
drop table public.organizations;
drop type public.job_status;
revoke usage on schema public from job_writer, job_gateway, job_http, job_worker;

notify pgrst, 'reload schema';
