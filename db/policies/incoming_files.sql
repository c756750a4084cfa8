-- private.incoming_files: workers insert rows, and the functions that store an index read them.
-- No grant on the column transaction: its default keeps rows in their own transaction.

revoke all on table private.incoming_files from public, anon, authenticated, service_role;
grant insert (file_no, path, language, bytes, blob_sha, symbol_count)
  on table private.incoming_files to job_worker, service_role;
grant select, delete on table private.incoming_files to job_writer;
