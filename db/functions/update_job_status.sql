-- update_job_status(p_job_id, p_status, p_metadata, p_attempt, p_worker_id) -> setof index_jobs
--
-- Moves a job forward and returns it. It sets started_at on processing, completed_at on a final
-- status, error_message from metadata.error, stats from metadata.stats, and commit_sha from
-- metadata.commit_sha if the caller did not ask for a commit. A repeat of the same move (a lost
-- answer) returns the row unchanged and writes nothing.
--
-- Why definer: only job_writer may update a job.
-- Locks:   the index_jobs row, for no key update.
-- Raises:  PT404 when the job does not exist; PT409 stale_attempt, attempt_required,
--          already_processing, conflicting_repeat, invalid_transition; PT422 unknown_status,
--          commit_mismatch and those of private.check_job_metadata.
-- Callers: job_worker, service_role.

create or replace function public.update_job_status(
  p_job_id uuid,
  p_status text,
  p_metadata jsonb default '{}',
  p_attempt integer default null,
  p_worker_id text default null
)
returns setof public.index_jobs
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_worker_id uuid := private.parse_worker_id(p_worker_id);
  v_status public.job_status := private.parse_status(p_status);
  v_metadata jsonb := coalesce(p_metadata, '{}');
  v_error text := v_metadata ->> 'error';
  v_stats jsonb := v_metadata -> 'stats';
  v_commit_sha text := lower(v_metadata ->> 'commit_sha');
  v_job public.index_jobs;
  v_now timestamptz;
begin
  perform private.check_job_metadata(v_status, v_metadata);
  if v_error is not null then
    v_error := private.clean_error(v_error);
  end if;

  v_job := private.lock_index_job(p_job_id);
  v_now := greatest(private.clock(), v_job.updated_at);
  perform private.check_attempt(v_job, p_attempt);

  if v_status = v_job.status and v_status = 'processing' then
    if v_worker_id is distinct from v_job.worker_id then
      raise exception 'another worker has started the job'
        using errcode = 'PT409', detail = 'already_processing', column = 'worker_id',
          hint = 'Stop working on the job.';
    end if;
    return next v_job;
    return;
  end if;

  if v_status = v_job.status and private.is_final(v_status) then
    if v_error is distinct from v_job.error_message
      or v_stats is distinct from v_job.stats
      or (v_commit_sha is not null and v_commit_sha is distinct from v_job.commit_sha)
    then
      raise exception 'the job already ended with a different result'
        using errcode = 'PT409', detail = 'conflicting_repeat', column = 'metadata',
          hint = 'The first result is final; read it with get_job_status.';
    end if;
    return next v_job;
    return;
  end if;

  perform
  from private.job_transitions() as t
  where t.from_status = v_job.status and t.to_status = v_status;
  if not found then
    raise exception 'a job cannot move from % to %', v_job.status, v_status
      using errcode = 'PT409', detail = 'invalid_transition', column = 'status',
        hint = 'Read the job with get_job_status; a final status never changes.';
  end if;

  if v_commit_sha <> v_job.commit_sha then
    raise exception 'commit_sha is not the commit that the job asks for'
      using errcode = 'PT422', detail = 'commit_mismatch', column = 'metadata',
        hint = 'Index the commit in commit_sha, or fail the job.';
  end if;

  return query
  update public.index_jobs as j
  set status = v_status,
    attempt = case when v_status = 'processing' then 1 else j.attempt end,
    worker_id = coalesce(v_worker_id, j.worker_id),
    stats = v_stats,
    error_message = v_error,
    last_error = case v_status when 'cancelled' then j.last_error else v_error end,
    commit_sha = coalesce(j.commit_sha, v_commit_sha),
    started_at = case when v_status = 'processing' then v_now else j.started_at end,
    heartbeat_at = case when j.status = 'pending' and v_status <> 'processing'
      then j.heartbeat_at else v_now end,
    completed_at = case when private.is_final(v_status) then v_now end,
    lease_expires_at = null,
    retry_at = null,
    updated_at = v_now,
    version = j.version + 1
  where j.id = v_job.id
  returning j.*;
end;
$$;

comment on function public.update_job_status(uuid, text, jsonb, integer, text) is
  'Moves an index job forward, and refuses every other move.';

alter function public.update_job_status(uuid, text, jsonb, integer, text) owner to job_writer;
revoke all on function public.update_job_status(uuid, text, jsonb, integer, text)
  from public, anon, authenticated, service_role;
grant execute on function public.update_job_status(uuid, text, jsonb, integer, text)
  to job_worker, service_role;
