-- parse_worker_id(p_worker_id) -> uuid
--
-- A worker's id is a random UUID, so that the row reveals nothing about the machine to its tenant.
--
-- Raises:  PT422 invalid_worker_id. Null stays null.
-- Callers: job_writer.

create or replace function private.parse_worker_id(p_worker_id text)
returns uuid
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_worker_id uuid := private.parse_uuid(p_worker_id);
begin
  if p_worker_id is not null and v_worker_id is null then
    raise exception 'worker_id is not a UUID'
      using errcode = 'PT422', detail = 'invalid_worker_id', column = 'worker_id',
        hint = 'Pass a random UUID, created when the worker starts.';
  end if;
  return v_worker_id;
end;
$$;

comment on function private.parse_worker_id(text) is 'Parses the id of a worker.';

revoke all on function private.parse_worker_id(text) from public, anon, authenticated, service_role;
grant execute on function private.parse_worker_id(text) to job_writer;
