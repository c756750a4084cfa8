-- parse_uuid(p_text) -> uuid
--
-- The UUID that p_text spells, or null, so that a malformed id is treated like an unknown one.
--
-- Callers: job_gateway, job_writer.

create or replace function private.parse_uuid(p_text text)
returns uuid
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  -- a regular expression would take ten times as long
  if p_text like '________-____-____-____-____________'
    and translate(p_text, '0123456789ABCDEFabcdef', '') = '----'
  then
    return p_text::uuid;
  end if;
  return null;
end;
$$;

comment on function private.parse_uuid(text) is 'Parses a UUID; null if it is malformed.';

revoke all on function private.parse_uuid(text) from public, anon, authenticated, service_role;
grant execute on function private.parse_uuid(text) to job_gateway, job_writer;
