-- Made by `make docs` from a migrated database. Do not edit it: CONTRIBUTING.md says how to
-- change a table.

-- Skipped files that a worker is about to store, at most 10,000.
-- No row-level security: only functions and the roles in db/tables/roles.sql reach it.
create unlogged table private.incoming_skipped (
  -- The transaction that sent the row.
  transaction xid8 not null default pg_current_xact_id(),
  -- As in skipped_files.
  path text not null,
  -- As in skipped_files.
  reason text not null
) with (autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=10000, autovacuum_vacuum_insert_threshold=-1);
