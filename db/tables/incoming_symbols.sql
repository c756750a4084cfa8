-- Made by `make docs` from a migrated database. Do not edit it: CONTRIBUTING.md says how to
-- change a table.

-- Symbols that a worker is about to store.
-- No row-level security: only functions and the roles in db/tables/roles.sql reach it.
create unlogged table private.incoming_symbols (
  -- The transaction that sent the row.
  transaction xid8 not null default pg_current_xact_id(),
  -- The file, by its number in incoming_files.
  file_no integer not null,
  -- As in symbols.
  name text not null,
  -- As in symbols.
  kind text not null,
  -- As in symbols.
  start_line integer not null,
  -- As in symbols.
  end_line integer not null,
  -- As in symbols.
  parent text
) with (autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=10000, autovacuum_vacuum_insert_threshold=-1);
