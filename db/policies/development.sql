-- private.development: only the owner of the database touches it.

revoke all on table private.development from public, anon, authenticated, service_role;
