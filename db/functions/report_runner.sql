-- report_runner(p_worker_id, p_host, p_pid, p_release, p_slots, p_busy) -> void
--
-- What a worker reports about itself, for operators only: its machine, its process, its release,
-- and how many jobs it can run at once (p_slots) and is running (p_busy).
--
-- Why definer: only job_writer may write to the list of workers.
-- Locks:   the worker's row of runners.
-- Raises:  PT422 missing_worker_id, invalid_worker_id, invalid_runner.
-- Callers: job_worker, service_role.

create or replace function public.report_runner(
  p_worker_id text,
  p_host text,
  p_pid integer,
  p_release text,
  p_slots integer,
  p_busy integer
)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_worker_id uuid := private.parse_worker_id(p_worker_id);
begin
  if v_worker_id is null then
    raise exception 'worker_id is missing'
      using errcode = 'PT422', detail = 'missing_worker_id', column = 'worker_id',
        hint = 'Pass a random UUID, created when the worker starts.';
  end if;
  if greatest(length(p_host), length(p_release)) > 255 or p_pid < 0
    or p_slots not between 1 and 10000 or p_busy not between 0 and p_slots
  then
    raise exception 'the report of the worker is not valid'
      using errcode = 'PT422', detail = 'invalid_runner', column = 'busy',
        hint = 'Pass 0 <= p_busy <= p_slots <= 10000, and texts of at most 255 characters.';
  end if;
  insert into private.runners as r (worker_id, host, pid, release, slots, busy, seen_at)
  values (v_worker_id, p_host, p_pid, p_release, p_slots, p_busy, private.clock())
  on conflict (worker_id) do update
  set host = excluded.host, pid = excluded.pid, release = excluded.release,
    slots = excluded.slots, busy = excluded.busy,
    seen_at = greatest(r.seen_at, excluded.seen_at);
end;
$$;

comment on function public.report_runner(text, text, integer, text, integer, integer) is
  'Records what a worker reports about itself, for operators.';

alter function public.report_runner(text, text, integer, text, integer, integer)
  owner to job_writer;
revoke all on function public.report_runner(text, text, integer, text, integer, integer)
  from public, anon, authenticated, service_role;
grant execute on function public.report_runner(text, text, integer, text, integer, integer)
  to job_worker, service_role;
