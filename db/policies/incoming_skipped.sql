-- private.incoming_skipped: workers insert rows, and the functions that store an index read them.
-- No grant on the column transaction: its default keeps rows in their own transaction.

revoke all on table private.incoming_skipped from public, anon, authenticated, service_role;
grant insert (path, reason) on table private.incoming_skipped to job_worker, service_role;
grant select, delete on table private.incoming_skipped to job_writer;
