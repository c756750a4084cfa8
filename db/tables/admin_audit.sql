-- Made by `make docs` from a migrated database. Do not edit it: CONTRIBUTING.md says how to
-- change a table.

-- What support read, did or tried to do.
-- No row-level security: only functions and the roles in db/tables/roles.sql reach it.
create table private.admin_audit (
  -- Primary key.
  id bigint not null generated always as identity,
  -- When.
  at timestamp with time zone not null,
  -- The sub claim of the service token, or service_role.
  actor text not null,
  -- What was done.
  action text not null,
  -- The requested job id, whether it exists or not.
  job_id uuid,
  -- The reason given by the caller.
  reason text,
  -- ok, or the code of the refusal.
  outcome text not null,
  constraint admin_audit_pkey
    primary key (id)
);
