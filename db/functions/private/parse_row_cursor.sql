-- parse_row_cursor(p_cursor) -> table (place, id)
--
-- The row that a cursor of private.row_cursor names. Without a cursor, the position before all
-- rows.
--
-- Raises:  PT422 invalid_cursor.
-- Callers: authenticated, service_role: list_indexed_files, list_skipped_files, find_symbols.

create or replace function private.parse_row_cursor(p_cursor text)
returns table (place text, id bigint)
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_text text;
begin
  if p_cursor is null then
    return query select '', 0::bigint;
    return;
  end if;
  begin
    v_text := convert_from(decode(
      translate(p_cursor, '-_', '+/') || repeat('=', -length(p_cursor) & 3), 'base64'), 'UTF8');
    if v_text ~ '^[0-9]{1,18},' then
      return query
      select substr(v_text, strpos(v_text, ',') + 1), split_part(v_text, ',', 1)::bigint;
      return;
    end if;
  exception when data_exception then
    null;  -- neither base64 nor UTF-8, raised below
  end;
  raise exception 'cursor is not valid'
    using errcode = 'PT422', detail = 'invalid_cursor', column = 'cursor',
      hint = 'Pass the cursor of the last row of the previous page, or nothing for the first page.';
end;
$$;

comment on function private.parse_row_cursor(text) is
  'Returns the row of a list that a cursor names.';

revoke all on function private.parse_row_cursor(text)
  from public, anon, authenticated, service_role;
grant execute on function private.parse_row_cursor(text) to authenticated, service_role;
