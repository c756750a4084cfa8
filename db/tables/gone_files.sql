-- Made by `make docs` from a migrated database. Do not edit it: CONTRIBUTING.md says how to
-- change a table.

-- Files that a worker has found deleted or changed since the last index.
-- No row-level security: only functions and the roles in db/tables/roles.sql reach it.
create unlogged table private.gone_files (
  -- The transaction that sent the row.
  transaction xid8 not null default pg_current_xact_id(),
  -- The id in indexed_files.
  id bigint not null
) with (autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=10000, autovacuum_vacuum_insert_threshold=-1);
