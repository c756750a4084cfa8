-- private.admin_audit: job_writer appends; the service reads.

revoke all on table private.admin_audit from public, anon, authenticated, service_role;
revoke all on sequence private.admin_audit_id_seq from public, anon, authenticated, service_role;
grant insert on table private.admin_audit to job_writer;
grant select on table private.admin_audit to service_role;
