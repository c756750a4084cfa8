-- Made by `make docs` from a migrated database. Do not edit it: CONTRIBUTING.md says how to
-- change a table.

-- A row marks the database as one for development, which may be seeded or reset.
-- No row-level security: only functions and the roles in db/tables/roles.sql reach it.
create table private.development (
  -- The command that marked it.
  made_by text not null,
  -- When.
  at timestamp with time zone not null default clock_timestamp()
);
