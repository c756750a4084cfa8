-- delete_incoming_rows() -> void
--
-- Deletes the rows that this transaction has copied into the staging tables.
--
-- Callers: job_writer: store_index_rows, complete_index.

create or replace function private.delete_incoming_rows()
returns void
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
  delete from private.incoming_files where transaction = pg_current_xact_id();
  delete from private.incoming_symbols where transaction = pg_current_xact_id();
  delete from private.incoming_skipped where transaction = pg_current_xact_id();
  delete from private.gone_files where transaction = pg_current_xact_id();
$$;

comment on function private.delete_incoming_rows() is
  'Empties the staging tables of this transaction''s rows.';

revoke all on function private.delete_incoming_rows()
  from public, anon, authenticated, service_role;
grant execute on function private.delete_incoming_rows() to job_writer;
