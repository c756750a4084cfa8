-- parse_cursor(p_cursor) -> table (created_at, id)
--
-- The position in a list that a cursor names: created_at and id of the last row seen, as in its
-- JSON, separated by a comma. Without a cursor, the position above all rows.
--
-- Raises:  PT422 invalid_cursor.
-- Callers: authenticated, service_role: list_index_jobs.

create or replace function private.parse_cursor(p_cursor text)
returns table (created_at timestamptz, id uuid)
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_cursor is null then
    return query
    select 'infinity'::timestamptz, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid;
    return;
  end if;
  if p_cursor ~ ('^[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}([.][0-9]{1,6})?'
    '(Z|[+-][0-9]{2}(:[0-9]{2})?)'
    ',[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$')
  then
    begin
      return query
      select split_part(p_cursor, ',', 1)::timestamptz, split_part(p_cursor, ',', 2)::uuid;
      return;
    exception when data_exception then
      null;  -- a 30th of February, raised below
    end;
  end if;
  raise exception 'cursor is not valid'
    using errcode = 'PT422', detail = 'invalid_cursor', column = 'cursor',
      hint = 'Pass created_at,id of the last job of the previous page, or nothing for the first.';
end;
$$;

comment on function private.parse_cursor(text) is
  'Returns the position in a list of jobs that a cursor names.';

revoke all on function private.parse_cursor(text) from public, anon, authenticated, service_role;
grant execute on function private.parse_cursor(text) to authenticated, service_role;
