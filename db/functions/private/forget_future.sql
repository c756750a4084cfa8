-- forget_future() -> void
--
-- Corrects times that lie in the future, as after the clock was set back: a lease and the wait for
-- a retry are moved back by as much as they lie ahead, so that they end within their own length
-- from now. Times that record history keep their values and order. Workers last seen in the future
-- are forgotten until they are seen again. Differences below a second are ignored.
--
-- Locks:   index_jobs rows, for no key update, by id; rows locked by others are skipped.
-- Callers: job_writer: retry_or_fail_stuck_jobs.

create or replace function private.forget_future()
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := private.clock();
  v_ahead timestamptz := v_now + interval '1 second';
begin
  update public.index_jobs as j
  set heartbeat_at = v_now,
    lease_expires_at = v_now + (j.lease_expires_at - j.heartbeat_at)
  where j.id = any (array(
    select f.id
    from public.index_jobs as f
    where f.status = 'processing' and f.heartbeat_at > v_ahead
    order by f.id
    for no key update skip locked));
  update public.index_jobs as j
  set retry_at = v_now + (j.retry_at - j.updated_at),
    version = j.version + 1
  where j.id = any (array(
    select f.id
    from public.index_jobs as f
    where f.status = 'processing' and f.updated_at > v_ahead and f.retry_at >= f.updated_at
    order by f.id
    for no key update skip locked));
  delete from private.runners as r
  where r.worker_id in (
    select s.worker_id from private.runners as s where s.seen_at > v_ahead for update skip locked);
end;
$$;

comment on function private.forget_future() is 'Corrects times that the clock has not reached yet.';

revoke all on function private.forget_future() from public, anon, authenticated, service_role;
grant execute on function private.forget_future() to job_writer;
