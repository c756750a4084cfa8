-- private.incoming_skipped: workers send rows, and the functions that store an index take them.
-- The column transaction is left to its default: nobody sends rows for another transaction.

revoke all on table private.incoming_skipped from public, anon, authenticated, service_role;
grant insert (path, reason) on table private.incoming_skipped to job_worker, service_role;
grant select, delete on table private.incoming_skipped to job_writer;
