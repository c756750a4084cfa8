-- private.queue_attempts: only the functions of job_writer access it.

revoke all on table private.queue_attempts from public, anon, authenticated, service_role;
grant select, insert, update on table private.queue_attempts to job_writer;
