-- explain_any_job(p_job_id) -> table (reason, sentence, position, own_ahead, until, eta_p50,
--   eta_p90, eta_basis, eta_samples)
--
-- Why a job is in its current state, as explain_index_job returns it, for any caller.
--
-- Why definer: it counts the jobs of all tenants, and reads the list of workers.
-- Raises:  PT404 when the job does not exist.
-- Callers: service_role: explain_index_job. job_writer: private.explain_index_job.

create or replace function private.explain_any_job(p_job_id uuid)
returns table (
  reason text, sentence text, "position" integer, own_ahead integer, until timestamptz,
  eta_p50 double precision, eta_p90 double precision, eta_basis text, eta_samples integer
)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := private.clock();
  v_job public.index_jobs;
  v_claims integer;
  v_place text;
  v_are_busy boolean;
begin
  select j.* into v_job from public.index_jobs as j where j.id = p_job_id;
  if not found then
    raise exception 'index job not found' using errcode = 'PT404';
  end if;
  if not private.is_final(v_job.status) then
    select
      c.claims,
      least(c.claims, 1000),
      least(c.own, 1000),
      private.spell_place(c.claims, c.own, c.is_exact)
    into v_claims, "position", own_ahead, v_place
    from private.count_claims_before(v_job, v_now) as c
    where c.claims is not null;
  end if;

  if private.is_final(v_job.status) then
    reason := v_job.status;
    sentence := case v_job.status
      when 'completed' then 'The job is completed.'
      when 'failed' then 'The job failed: ' || v_job.error_message
      else 'The job was cancelled.'
    end;
  elsif v_job.cancel_requested_at is not null then
    reason := 'cancelling';
    until := v_job.cancel_requested_at + interval '1 minute';
    sentence := 'The worker was asked to stop. The job will be cancelled '
      || case when until > v_now
        then 'in ' || private.spell_seconds(extract(epoch from until - v_now)) || ' at the latest.'
        else 'now, whatever the worker does.' end;
  elsif v_job.queue_job_id is not null then
    reason := 'external_queue';
    sentence := 'An external queue decides when this job runs.';
  elsif v_job.status = 'processing' and v_job.retry_at is null then
    until := v_job.lease_expires_at;
    if v_now >= v_job.heartbeat_at + (v_job.lease_expires_at - v_job.heartbeat_at) / 2 then
      reason := 'silent';
      sentence := format('No heartbeat from the worker for %s. ',
          private.spell_seconds(extract(epoch from v_now - v_job.heartbeat_at)))
        || case when v_job.attempt < v_job.max_attempts
          then 'Another worker takes the job over'
          else format('All %s attempts are used up: the job fails', v_job.max_attempts) end
        || case
          when until > v_now
            then format(' in %s.', private.spell_seconds(extract(epoch from until - v_now)))
          when v_claims > 0 then format('; %s.', v_place)
          else '.'
        end;
    else
      reason := 'working';
      sentence := format('A worker is on attempt %s of %s.', v_job.attempt, v_job.max_attempts);
      select e.* into eta_p50, eta_p90, eta_basis, eta_samples
      from private.estimate_index_job(v_job, v_now, null) as e;
    end if;
  elsif v_job.retry_at > v_now then
    reason := 'retry_at';
    until := v_job.retry_at;
    sentence := format('Attempt %s of %s may start in %s.', v_job.attempt + 1, v_job.max_attempts,
        private.spell_seconds(extract(epoch from until - v_now)))
      || coalesce(' Last error: ' || v_job.last_error, '');
  else
    select bool_and(r.busy >= r.slots and r.slots is not null) into v_are_busy
    from private.runners as r
    where r.seen_at > v_now - interval '15 seconds';
    if v_are_busy is null then
      reason := 'no_runner';
      sentence := 'Waiting: no worker has been seen for 15 seconds'
        || case when v_claims > 0 then format(', and %s.', v_place) else '.' end;
    else
      reason := case
        when v_claims > 0 then 'in_line' when v_are_busy then 'runners_busy' else 'up_next' end;
      sentence := case reason
        when 'in_line' then format('Waiting: %s.', v_place)
        when 'runners_busy' then 'Next in line: every worker is busy.'
        else 'Next in line: the next free worker will claim it.'
      end;
      select e.* into eta_p50, eta_p90, eta_basis, eta_samples
      from private.estimate_index_job(
        v_job, v_now, case when v_claims <= 1000 then v_claims end) as e;
    end if;
  end if;
  if eta_p50 is not null then
    sentence := sentence || format(' Completed in about %s (p90 %s, from the last %s runs of %s).',
      private.spell_seconds(eta_p50), private.spell_seconds(eta_p90), eta_samples,
      case eta_basis when 'repository' then 'this repository' else 'all repositories' end);
  end if;
  return next;
end;
$$;

comment on function private.explain_any_job(uuid) is
  'Explains the current state of a job to any caller.';

alter function private.explain_any_job(uuid) owner to job_writer;
revoke all on function private.explain_any_job(uuid)
  from public, anon, authenticated, service_role;
grant execute on function private.explain_any_job(uuid) to service_role;
