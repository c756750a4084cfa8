-- private.development: only the owner of the database accesses it.

revoke all on table private.development from public, anon, authenticated, service_role;
