-- private.job_totals: purge_finished_jobs adds to it; the service reads.

revoke all on table private.job_totals from public, anon, authenticated, service_role;
grant select on table private.job_totals to service_role;
grant select, insert, update on table private.job_totals to job_writer;
