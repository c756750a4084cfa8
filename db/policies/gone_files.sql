-- private.gone_files: workers send rows, and the functions that store an index take them.
-- The column transaction is left to its default: nobody sends rows for another transaction.

revoke all on table private.gone_files from public, anon, authenticated, service_role;
grant insert (id) on table private.gone_files to job_worker, service_role;
grant select, delete on table private.gone_files to job_writer;
