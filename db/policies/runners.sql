-- private.runners: the functions of job_writer write it; the service reads.

revoke all on table private.runners from public, anon, authenticated, service_role;
grant select on table private.runners to service_role;
grant select, insert, update, delete on table private.runners to job_writer;
