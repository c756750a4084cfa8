-- stored_commit_of_job(p_job_id) -> indexed_commits
--
-- What is currently stored for the repository of a job that the caller may see.
--
-- Raises:  PT404 when the caller may not see the job, or no longer its repository; PT409
--          not_completed.
-- Callers: job_gateway: api_list_indexed_files, api_list_skipped_files, api_find_symbols.

create or replace function private.stored_commit_of_job(p_job_id text)
returns public.indexed_commits
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select c.*
  from public.get_job_status(p_job_id => private.parse_uuid(p_job_id)) as j
  cross join lateral private.stored_commit(p_repository_id => j.repository_id) as c;
$$;

comment on function private.stored_commit_of_job(text) is
  'Returns what is currently stored for the repository of a job.';

revoke all on function private.stored_commit_of_job(text)
  from public, anon, authenticated, service_role;
grant execute on function private.stored_commit_of_job(text) to job_gateway;
