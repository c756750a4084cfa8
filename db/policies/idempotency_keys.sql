-- private.idempotency_keys: only the functions of job_writer access it.

revoke all on table private.idempotency_keys from public, anon, authenticated, service_role;
grant select, insert on table private.idempotency_keys to job_writer;
