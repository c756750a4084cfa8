-- private.gone_files: workers insert rows, and the functions that store an index read them.
-- No grant on the column transaction: its default keeps rows in their own transaction.

revoke all on table private.gone_files from public, anon, authenticated, service_role;
grant insert (id) on table private.gone_files to job_worker, service_role;
grant select, delete on table private.gone_files to job_writer;
