-- report_job_progress(p_job_id, p_attempt, p_phase, p_done, p_total, p_lease)
--   -> table (cancel_requested, lease_expires_at)
--
-- A heartbeat of the worker, with or without progress (p_done of p_total items of p_phase; total
-- null while unknown). With p_lease, the lease is renewed from now. p_lease => '0' ends the attempt
-- and hands the job back: the next claim takes it immediately, and the job gets one more attempt. A
-- job of an external queue cannot be handed back, because no claim takes it. The answer says
-- whether the user has asked to cancel.
--
-- Why definer: only job_writer may update a job.
-- Locks:   the index_jobs row, for no key update.
-- Raises:  PT404 when the job does not exist; PT409 stale_attempt, attempt_required,
--          not_processing; PT422 invalid_progress, invalid_lease.
-- Callers: job_worker, service_role.

create or replace function public.report_job_progress(
  p_job_id uuid,
  p_attempt integer,
  p_phase text default null,
  p_done bigint default null,
  p_total bigint default null,
  p_lease interval default null
)
returns table (cancel_requested boolean, lease_expires_at timestamptz)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_progress jsonb;
  v_hand_back boolean := coalesce(p_lease = interval '0', false);
  v_job public.index_jobs;
  v_moves boolean;
  v_clock timestamptz;
  v_now timestamptz;
begin
  if num_nonnulls(p_phase, p_done, p_total) > 0 and (
    coalesce(btrim(p_phase), '') = '' or length(p_phase) > 100
    or p_done is null or p_done < 0 or p_total < p_done)
  then
    raise exception 'progress needs a phase, and a done count of at most total'
      using errcode = 'PT422', detail = 'invalid_progress', column = 'phase',
        hint = 'Pass p_phase and 0 <= p_done <= p_total, or none of them for a heartbeat.';
  end if;
  perform private.check_lease(p_lease);
  if p_phase is not null then
    v_progress := jsonb_build_object('phase', p_phase, 'done', p_done, 'total', p_total);
  end if;

  v_job := private.lock_index_job(p_job_id);
  v_clock := private.clock();
  v_now := greatest(v_clock, v_job.updated_at);
  perform private.check_attempt(v_job, p_attempt);
  if v_job.status <> 'processing' then
    raise exception 'the job is %', v_job.status
      using errcode = 'PT409', detail = 'not_processing', column = 'job_id',
        hint = 'Stop working on the job.';
  end if;

  if v_hand_back and v_job.queue_job_id is not null then
    raise exception 'lease cannot be 0: the queue of the job begins its attempts'
      using errcode = 'PT422', detail = 'invalid_lease', column = 'lease',
        hint = 'Complete or fail the job, or leave its attempt to the queue.';
  end if;

  v_moves := v_hand_back or (v_progress is not null and v_progress is distinct from v_job.progress);
  return query
  update public.index_jobs as j
  set heartbeat_at = v_clock,
    lease_expires_at = case
      when not v_hand_back then coalesce(v_clock + p_lease, j.lease_expires_at)
    end,
    retry_at = case when v_hand_back then v_now end,
    max_attempts = least(j.max_attempts + v_hand_back::integer, 100),
    progress = coalesce(v_progress, j.progress),
    updated_at = case when v_moves then v_now else j.updated_at end,
    version = j.version + v_moves::integer
  where j.id = v_job.id
  returning j.cancel_requested_at is not null, j.lease_expires_at;
end;
$$;

comment on function public.report_job_progress(uuid, integer, text, bigint, bigint, interval) is
  'Records a heartbeat and the progress of an index job.';

alter function public.report_job_progress(uuid, integer, text, bigint, bigint, interval)
  owner to job_writer;
revoke all on function public.report_job_progress(uuid, integer, text, bigint, bigint, interval)
  from public, anon, authenticated, service_role;
grant execute on function public.report_job_progress(uuid, integer, text, bigint, bigint, interval)
  to job_worker, service_role;
