-- row_cursor(p_place, p_id) -> text
--
-- The cursor of a row of a list: base64url of its id and the text by which the list is sorted.
--
-- Callers: authenticated, service_role: list_indexed_files, list_skipped_files, find_symbols.

create or replace function private.row_cursor(p_place text, p_id bigint)
returns text
language sql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select translate(
    encode(convert_to(p_id || ',' || p_place, 'UTF8'), 'base64'), e'+/=\n', '-_');
$$;

comment on function private.row_cursor(text, bigint) is 'Returns the cursor of a row of a list.';

revoke all on function private.row_cursor(text, bigint)
  from public, anon, authenticated, service_role;
grant execute on function private.row_cursor(text, bigint) to authenticated, service_role;
