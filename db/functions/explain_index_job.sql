-- explain_index_job(p_job_id) -> table (reason, sentence, position, own_ahead, until, eta_p50,
--   eta_p90, eta_basis, eta_samples)
--
-- Why a job stands where it stands. reason is the first that fits: completed, failed, cancelled;
-- cancelling; external_queue; working, or silent once half of the lease has passed without a sign
-- of life; retry_at; no_runner, when no worker was seen for 15 seconds; in_line; runners_busy;
-- up_next. sentence says it in English. until is when it changes by itself: the forced end of a
-- cancelled job, the end of the lease, retry_at.
--
-- position is how many claims return another job first, if nothing ends, arrives or expires
-- meanwhile: 0 is the next one, 1,000 means that many or more, null that the job is not free now.
-- It is exact while at most 16 tenants wait; with more it is a bound, never too small, and the
-- sentence says 'at most'. own_ahead is how many of those jobs are of the same tenant. The eta_
-- columns are estimates of the seconds from now to the end: see private.estimate_index_job. Of
-- other tenants it tells nothing but how many claims come first.
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
  'Says why an index job stands where it stands, its place in line and when it may end.';

revoke all on function public.explain_index_job(uuid)
  from public, anon, authenticated, service_role;
grant execute on function public.explain_index_job(uuid) to authenticated, service_role;
