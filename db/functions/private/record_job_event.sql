-- record_job_event() -> trigger
--
-- Appends to index_job_events what happened to the job: it was created or moved, an attempt ended
-- (with retry_at, which is the current time if its worker handed the job back) or started, or a
-- user asked to cancel. An error in the event is the reason why the previous attempt ended. The
-- numbers have no gap, because the job's row is locked. Metrics get an insert into
-- private.job_metric_log, which waits for nobody.
--
-- Why definer: only job_writer may insert an event.
-- Callers: none: the trigger on index_jobs.

create or replace function private.record_job_event()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_outcome text;
begin
  if tg_op = 'INSERT' then
    insert into public.index_job_events
      (job_id, event_no, to_status, attempt, at, worker_id, version)
    values (new.id, 1, new.status, new.attempt, new.updated_at, new.worker_id, new.version);
    insert into private.job_metric_log (at, to_status) values (new.updated_at, new.status);
    return null;
  end if;
  insert into public.index_job_events
    (job_id, event_no, from_status, to_status, attempt, at, worker_id, version, detail)
  values (
    new.id,
    coalesce(
      (select max(e.event_no) from public.index_job_events as e where e.job_id = new.id), 0) + 1,
    old.status,
    new.status,
    new.attempt,
    new.updated_at,
    new.worker_id,
    new.version,
    jsonb_strip_nulls(jsonb_build_object(
      'error', case
        when new.status = 'failed' then new.error_message
        when new.last_error is distinct from old.last_error
          or new.retry_at is distinct from old.retry_at and new.retry_at > new.updated_at
          or new.attempt > old.attempt and old.lease_expires_at > old.heartbeat_at
          then new.last_error
      end,
      'retry_at', case when new.retry_at is distinct from old.retry_at then new.retry_at end,
      'handed_back', case
        when old.retry_at is null and new.retry_at = new.updated_at then true
      end,
      'cancel_requested', case
        when old.cancel_requested_at is null and new.cancel_requested_at is not null then true
      end)));

  if old.status = 'processing' and old.retry_at is null then
    v_outcome := case
      when new.status in ('completed', 'cancelled') then new.status::text
      when new.attempt > old.attempt then 'lost'
      when new.retry_at = new.updated_at then 'handed_back'
      when new.status = 'processing' and new.retry_at is null then null
      when new.last_error = 'the worker was lost' then 'lost'
      when new.status = 'failed' then 'failed'
      else 'retry'
    end;
  end if;
  if new.status <> old.status or v_outcome is not null then
    insert into private.job_metric_log (at, from_status, to_status, outcome, wait, duration)
    values (
      new.updated_at, old.status, new.status, v_outcome,
      case when old.started_at is null then new.started_at - new.created_at end,
      new.completed_at - new.started_at);
  end if;
  return null;
end;
$$;

comment on function private.record_job_event() is 'Writes the event of a change to an index job.';

alter function private.record_job_event() owner to job_writer;
revoke all on function private.record_job_event() from public, anon, authenticated, service_role;

create or replace trigger index_jobs_record_creation
  after insert on public.index_jobs
  for each row execute function private.record_job_event();
create or replace trigger index_jobs_record_change
  after update on public.index_jobs
  for each row
  when (old.status <> new.status
    or old.attempt <> new.attempt
    or old.cancel_requested_at is distinct from new.cancel_requested_at
    or old.retry_at is distinct from new.retry_at)
  execute function private.record_job_event();
