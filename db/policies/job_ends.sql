-- private.job_ends: private.fold_job_metrics adds to it and deletes what is old; the service reads.

revoke all on table private.job_ends from public, anon, authenticated, service_role;
grant select on table private.job_ends to service_role;
grant select, insert, update, delete on table private.job_ends to job_writer;
