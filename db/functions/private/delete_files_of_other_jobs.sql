-- delete_files_of_other_jobs(p_job) -> void
--
-- Deletes the rows of a repository that other jobs have stored, before its job replaces them.
--
-- Callers: job_writer: store_index_rows, private.store_index, with the repository locked.

create or replace function private.delete_files_of_other_jobs(p_job public.index_jobs)
returns void
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
  delete from public.indexed_files as f
  where f.repository_id = p_job.repository_id and f.job_id is distinct from p_job.id;
  delete from public.skipped_files as k
  where k.repository_id = p_job.repository_id and k.job_id is distinct from p_job.id;
$$;

comment on function private.delete_files_of_other_jobs(public.index_jobs) is
  'Deletes the files of a repository that other jobs have stored.';

revoke all on function private.delete_files_of_other_jobs(public.index_jobs)
  from public, anon, authenticated, service_role;
grant execute on function private.delete_files_of_other_jobs(public.index_jobs) to job_writer;
