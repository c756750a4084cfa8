-- job_attempts(p_job_id) -> table (attempt, worker_id, started_at, ended_at, outcome, error)
--
-- The attempts of one job, derived from its events. outcome is completed, failed, cancelled, retry
-- (it ended, and another one may follow), handed_back (its worker gave the job back), or lost (the
-- next attempt started without a report from this one); null while the attempt runs.
--
-- Callers: job_gateway: api_get_job_history.

create or replace function private.job_attempts(p_job_id uuid)
returns table (
  attempt integer, worker_id uuid, started_at timestamptz, ended_at timestamptz, outcome text,
  error text
)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select
    s.attempt,
    s.worker_id,
    s.at,
    e.at,
    case
      when e.to_status <> 'processing' then e.to_status::text
      when e.attempt = s.attempt and e.detail ? 'handed_back' then 'handed_back'
      when e.attempt = s.attempt then 'retry'
      when e.attempt > s.attempt then 'lost'
    end,
    e.detail ->> 'error'
  from (
    select distinct on (b.attempt) b.attempt, b.event_no, b.worker_id, b.at
    from public.index_job_events as b
    where b.job_id = p_job_id and b.attempt > 0
    order by b.attempt, b.event_no
  ) as s
  left join lateral (
    select n.attempt, n.at, n.to_status, n.detail
    from public.index_job_events as n
    where n.job_id = p_job_id
      and n.event_no > s.event_no
      and (n.to_status <> 'processing' or n.attempt > s.attempt or n.detail ? 'retry_at')
    order by n.event_no
    limit 1
  ) as e on true
  order by s.attempt;
$$;

comment on function private.job_attempts(uuid) is
  'The attempts of one index job: start, end, worker, error.';

revoke all on function private.job_attempts(uuid) from public, anon, authenticated, service_role;
grant execute on function private.job_attempts(uuid) to job_gateway;
