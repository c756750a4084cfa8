-- private.accounts: job_gateway reads; the service manages.

revoke all on table private.accounts from public, anon, authenticated, service_role;
grant select on table private.accounts to job_gateway;
grant select, insert, update, delete on table private.accounts to service_role;
