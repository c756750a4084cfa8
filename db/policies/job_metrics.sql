-- private.job_metrics: private.fold_job_metrics adds to it; the service reads.

revoke all on table private.job_metrics from public, anon, authenticated, service_role;
grant select on table private.job_metrics to service_role;
grant select, insert, update on table private.job_metrics to job_writer;
