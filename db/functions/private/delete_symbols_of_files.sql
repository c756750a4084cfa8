-- delete_symbols_of_files() -> trigger
--
-- Deletes the symbols of the files that a statement has deleted. symbols has no foreign key for
-- this: checking it would take half of the storing time, and only functions write both tables.
--
-- Why definer: files are deleted with their repository by those who may delete no symbol.
-- Callers: none: the trigger of indexed_files.

create or replace function private.delete_symbols_of_files()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_repository_id uuid;
  v_file_ids bigint[];
begin
  for v_repository_id, v_file_ids in
    select g.repository_id, array_agg(g.id) from gone as g group by g.repository_id
  loop
    delete from public.symbols as s
    where s.repository_id = v_repository_id and s.file_id = any (v_file_ids);
  end loop;
  return null;
end;
$$;

comment on function private.delete_symbols_of_files() is 'Deletes symbols with their files.';

alter function private.delete_symbols_of_files() owner to job_writer;
revoke all on function private.delete_symbols_of_files()
  from public, anon, authenticated, service_role;

create or replace trigger indexed_files_delete_symbols
  after delete on public.indexed_files
  referencing old table as gone
  for each statement execute function private.delete_symbols_of_files();
