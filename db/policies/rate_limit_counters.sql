-- private.rate_limit_counters: only the functions of job_gateway access it.

revoke all on table private.rate_limit_counters from public, anon, authenticated, service_role;
grant select, insert, update on table private.rate_limit_counters to job_gateway;
