-- see_worker(p_worker_id) -> void
--
-- Records that the worker was seen, at most every 5 seconds. A stored time in the future is
-- overwritten.
--
-- Locks:   the worker's row of runners, until the end of the transaction.
-- Callers: job_writer.

create or replace function private.see_worker(p_worker_id uuid)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := private.clock();
begin
  perform
  from private.runners as r
  where r.worker_id = p_worker_id and r.seen_at > v_now - interval '5 seconds'
    and r.seen_at <= v_now;
  if not found then
    insert into private.runners as r (worker_id, seen_at)
    values (p_worker_id, v_now)
    on conflict (worker_id) do update set seen_at = excluded.seen_at;
  end if;
end;
$$;

comment on function private.see_worker(uuid) is 'Records that a worker was seen.';

revoke all on function private.see_worker(uuid) from public, anon, authenticated, service_role;
grant execute on function private.see_worker(uuid) to job_writer;
