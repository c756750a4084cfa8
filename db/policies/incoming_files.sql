-- private.incoming_files: workers send rows, and the functions that store an index take them.
-- The column transaction is left to its default: nobody sends rows for another transaction.

revoke all on table private.incoming_files from public, anon, authenticated, service_role;
grant insert (file_no, path, language, bytes, blob_sha, symbol_count)
  on table private.incoming_files to job_worker, service_role;
grant select, delete on table private.incoming_files to job_writer;
