-- parse_status(p_status) -> job_status
--
-- Raises:  PT422 unknown_status.
-- Callers: authenticated, job_writer, service_role.

create or replace function private.parse_status(p_status text)
returns public.job_status
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_status is null
    or p_status not in ('pending', 'processing', 'completed', 'failed', 'cancelled')
  then
    raise exception 'status is unknown'
      using errcode = 'PT422', detail = 'unknown_status', column = 'status',
        hint = 'Pass pending, processing, completed, failed or cancelled.';
  end if;
  return p_status::public.job_status;
end;
$$;

comment on function private.parse_status(text) is 'Parses a status.';

revoke all on function private.parse_status(text) from public, anon, authenticated, service_role;
grant execute on function private.parse_status(text) to authenticated, service_role, job_writer;
