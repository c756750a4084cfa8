-- check_page(p_limit) -> void
--
-- Raises:  PT422 invalid_limit unless a page has 1 to 100 rows.
-- Callers: authenticated, job_writer, service_role: the lists.

create or replace function private.check_page(p_limit integer)
returns void
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_limit is null or p_limit not between 1 and 100 then
    raise exception 'limit is not a number from 1 to 100'
      using errcode = 'PT422', detail = 'invalid_limit', column = 'limit',
        hint = 'Send 100 or less, and follow next_cursor to the rest.';
  end if;
end;
$$;

comment on function private.check_page(integer) is 'Refuses a page size that is not allowed.';

revoke all on function private.check_page(integer) from public, anon, authenticated, service_role;
grant execute on function private.check_page(integer) to authenticated, service_role, job_writer;
