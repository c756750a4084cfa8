-- record_index_run(p_repository_id, p_status, p_stats, p_error, p_ref, p_commit_sha)
--   -> setof index_jobs
--
-- Deprecated: for callers of releases without a status, which report a run after it has ended.
-- Creates a job that has already started and ended. New code calls create_index_job first.
--
-- Why definer: only job_writer may insert a job.
-- Raises:  PT404 when the repository is missing; PT422 unknown_status unless the status is final,
--          error_required for failed, and as create_index_job and update_job_status.
-- Callers: job_worker, service_role.

create or replace function public.record_index_run(
  p_repository_id uuid,
  p_status text default 'completed',
  p_stats jsonb default null,
  p_error text default null,
  p_ref text default null,
  p_commit_sha text default null
)
returns setof public.index_jobs
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_job_id uuid;
begin
  if p_status is null or p_status not in ('completed', 'failed', 'cancelled') then
    raise exception 'a recorded run must have ended'
      using errcode = 'PT422', detail = 'unknown_status', column = 'status',
        hint = 'Pass completed, failed or cancelled; start a job with create_index_job.';
  end if;
  if p_status = 'failed' and coalesce(btrim(p_error, E' \t\r\n'), '') = '' then
    raise exception 'failed without an error'
      using errcode = 'PT422', detail = 'error_required', column = 'error',
        hint = 'Pass a sentence for the user as p_error.';
  end if;
  v_job_id := private.insert_index_job(
    p_repository_id => p_repository_id,
    p_ref => p_ref,
    p_commit_sha => p_commit_sha,
    p_idempotency_key => null,
    p_created_by => null);
  perform from public.update_job_status(p_job_id => v_job_id, p_status => 'processing');
  return query
  select j.*
  from public.update_job_status(
    p_job_id => v_job_id,
    p_status => p_status,
    p_metadata => case when p_error is null then '{}'
        else jsonb_build_object('error', p_error) end
      || case when p_stats is null then '{}' else jsonb_build_object('stats', p_stats) end,
    p_attempt => 1) as j;
end;
$$;

comment on function public.record_index_run(uuid, text, jsonb, text, text, text) is
  'Deprecated: records a run of the indexer that has ended.';

alter function public.record_index_run(uuid, text, jsonb, text, text, text) owner to job_writer;
revoke all on function public.record_index_run(uuid, text, jsonb, text, text, text)
  from public, anon, authenticated, service_role;
grant execute on function public.record_index_run(uuid, text, jsonb, text, text, text)
  to job_worker, service_role;
