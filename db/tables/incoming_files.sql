-- Made by `make docs` from a migrated database. Do not edit it: CONTRIBUTING.md says how to
-- change a table.

-- Files that a worker is about to store.
-- No row-level security: only functions and the roles in db/tables/roles.sql reach it.
create unlogged table private.incoming_files (
  -- The transaction that sent the row.
  transaction xid8 not null default pg_current_xact_id(),
  -- A number chosen by the worker, to which the symbols of the file refer.
  file_no integer not null,
  -- As in indexed_files.
  path text not null,
  -- As in indexed_files.
  language text,
  -- As in indexed_files.
  bytes bigint not null,
  -- As in indexed_files.
  blob_sha text not null,
  -- As in indexed_files.
  symbol_count integer
) with (autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=10000, autovacuum_vacuum_insert_threshold=-1);
