-- stuck_jobs(p_silent, p_is_processing) -> table (job_id, kind, since)
--
-- The only definition of a stuck job, and when it became one. kind is the first that applies:
-- cancel_overdue: its user asked to cancel at least a minute ago, or at a time in the future;
-- lease_expired; retry_overdue: its next attempt has not started for p_silent; silent: no lease,
-- and no heartbeat for p_silent; unclaimed: pending for p_silent. p_is_processing excludes the
-- pending ones.
--
-- Callers: job_writer, service_role.

create or replace function private.stuck_jobs(
  p_silent interval,
  p_is_processing boolean default false
)
returns table (job_id uuid, kind text, since timestamptz)
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := private.clock();
begin
  return query
  select j.id, k.kind, k.since
  from public.index_jobs as j
  cross join lateral (
    select v.kind, least(v.since, v_now) as since
    from (values
      (1, 'cancel_overdue', j.cancel_requested_at, interval '1 minute'),
      (2, 'lease_expired', j.lease_expires_at, '0'),
      (3, 'retry_overdue', j.retry_at, p_silent),
      (4, 'silent', j.heartbeat_at, p_silent)) as v (place, kind, since, patience)
    where (v.since <= v_now - v.patience or v.place = 1 and v.since > v_now + interval '1 second')
      and (v.place < 4 or num_nonnulls(j.lease_expires_at, j.retry_at) = 0)
    order by v.place
    limit 1) as k
  where j.status = 'processing';
  if not p_is_processing then
    return query
    select j.id, 'unclaimed', j.created_at
    from public.index_jobs as j
    where j.status = 'pending' and j.created_at <= v_now - p_silent;
  end if;
end;
$$;

comment on function private.stuck_jobs(interval, boolean) is
  'Returns the jobs that make no progress by themselves, and why.';

revoke all on function private.stuck_jobs(interval, boolean)
  from public, anon, authenticated, service_role;
grant execute on function private.stuck_jobs(interval, boolean) to job_writer, service_role;
