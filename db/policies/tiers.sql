-- private.tiers: job_gateway reads; the service manages.

revoke all on table private.tiers from public, anon, authenticated, service_role;
grant select on table private.tiers to job_gateway;
grant select, insert, update, delete on table private.tiers to service_role;
