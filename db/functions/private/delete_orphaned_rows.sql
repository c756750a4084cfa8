-- delete_orphaned_rows() -> void
--
-- Deletes rows that were copied into the staging tables and committed without complete_index. Rows
-- of other transactions are visible here only after those have ended, and then nobody reads them.
--
-- Callers: job_writer: retry_or_fail_stuck_jobs.

create or replace function private.delete_orphaned_rows()
returns void
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
  delete from private.incoming_files
  where transaction is distinct from pg_current_xact_id_if_assigned();
  delete from private.incoming_symbols
  where transaction is distinct from pg_current_xact_id_if_assigned();
  delete from private.incoming_skipped
  where transaction is distinct from pg_current_xact_id_if_assigned();
  delete from private.gone_files
  where transaction is distinct from pg_current_xact_id_if_assigned();
$$;

comment on function private.delete_orphaned_rows() is
  'Deletes the staged rows that no transaction will store.';

revoke all on function private.delete_orphaned_rows()
  from public, anon, authenticated, service_role;
grant execute on function private.delete_orphaned_rows() to job_writer;
