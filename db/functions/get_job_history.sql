-- get_job_history(p_job_id) -> setof index_job_events
--
-- The events of one job, oldest first. Attempt n starts with the first event that has this attempt.
-- It ends with the next event that is final, has a retry_at, or has the following attempt; the
-- error of that event says why.
--
-- Raises:  PT404 when the job does not exist or RLS hides it.
-- Callers: authenticated, service_role.

create or replace function public.get_job_history(p_job_id uuid)
returns setof public.index_job_events
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  select e.* from public.index_job_events as e where e.job_id = p_job_id order by e.event_no;
  if not found then
    raise exception 'index job not found' using errcode = 'PT404';
  end if;
end;
$$;

comment on function public.get_job_history(uuid) is
  'Returns the events of one index job that the caller may see.';

revoke all on function public.get_job_history(uuid) from public, anon, authenticated, service_role;
grant execute on function public.get_job_history(uuid) to authenticated, service_role;
