-- explain_index_job(p_job_id) -> table (reason, sentence, position, own_ahead, until, eta_p50,
--   eta_p90, eta_basis, eta_samples)
--
-- Why a job is in its current state. reason is the first that applies: completed, failed,
-- cancelled; cancelling; external_queue; working, or silent after half of the lease without a
-- heartbeat; retry_at; no_runner, if no worker was seen for 15 seconds; in_line; runners_busy;
-- up_next. sentence says the same in English. until is when the state changes by itself: the forced
-- end of a cancelled job, the end of the lease, or retry_at.
--
-- position is how many claims return another job first if nothing else changes: 0 is the next one,
-- 1,000 means that many or more, null that the job is not claimable. It is exact while at most 16
-- tenants wait; with more it may be too large, never too small, and the sentence says 'at most'.
-- own_ahead counts the jobs of the same tenant among them. The eta_ columns estimate the seconds
-- from now to the end: see private.estimate_index_job. The answer reveals nothing about other
-- tenants except how many claims come first.
--
-- Raises:  PT404 when the job does not exist or RLS hides it.
-- Callers: authenticated, service_role.

create or replace function public.explain_index_job(p_job_id uuid)
returns table (
  reason text, sentence text, "position" integer, own_ahead integer, until timestamptz,
  eta_p50 double precision, eta_p90 double precision, eta_basis text, eta_samples integer
)
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  perform from public.get_job_status(p_job_id => p_job_id);
  if pg_has_role(current_user, 'service_role', 'usage') then
    return query select e.* from private.explain_any_job(p_job_id => p_job_id) as e;
  else
    return query select e.* from private.explain_index_job(p_job_id => p_job_id) as e;
  end if;
end;
$$;

comment on function public.explain_index_job(uuid) is
  'Explains the current state of an index job, its place in line and when it may end.';

revoke all on function public.explain_index_job(uuid)
  from public, anon, authenticated, service_role;
grant execute on function public.explain_index_job(uuid) to authenticated, service_role;
