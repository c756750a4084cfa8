-- private.incoming_symbols: workers insert rows, and the functions that store an index read them.
-- No grant on the column transaction: its default keeps rows in their own transaction.

revoke all on table private.incoming_symbols from public, anon, authenticated, service_role;
grant insert (file_no, name, kind, start_line, end_line, parent)
  on table private.incoming_symbols to job_worker, service_role;
grant select, delete on table private.incoming_symbols to job_writer;
