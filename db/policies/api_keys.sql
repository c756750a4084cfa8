-- private.api_keys: only the functions of job_gateway access it.

revoke all on table private.api_keys from public, anon, authenticated, service_role;
grant select, insert, update on table private.api_keys to job_gateway;
