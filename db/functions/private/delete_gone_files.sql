-- delete_gone_files(p_job) -> void
--
-- Deletes the files of a repository that this transaction listed in private.gone_files, those whose
-- symbols could not be extracted, because each job sends them again, and all skipped files.
--
-- Callers: job_writer: private.store_index, with the repository locked.

create or replace function private.delete_gone_files(p_job public.index_jobs)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  -- an array uses the primary key, whatever the statistics of a staging table say
  v_gone bigint[] := array(
    select g.id from private.gone_files as g where g.transaction = pg_current_xact_id());
begin
  delete from public.indexed_files as f
  where f.repository_id = p_job.repository_id and f.id = any (v_gone);
  delete from public.indexed_files as f
  where f.repository_id = p_job.repository_id and f.symbol_count is null;
  delete from public.skipped_files as k where k.repository_id = p_job.repository_id;
end;
$$;

comment on function private.delete_gone_files(public.index_jobs) is
  'Deletes the files that a job found changed or deleted.';

revoke all on function private.delete_gone_files(public.index_jobs)
  from public, anon, authenticated, service_role;
grant execute on function private.delete_gone_files(public.index_jobs) to job_writer;
