-- private.job_metric_log: triggers write it, private.fold_job_metrics empties it.

revoke all on table private.job_metric_log from public, anon, authenticated, service_role;
grant select, insert, delete on table private.job_metric_log to job_writer;
