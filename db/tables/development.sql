-- Made by `make docs` from a migrated database. Do not edit it: CONTRIBUTING.md says how to
-- change a table.

-- A row says that the database is for development: it may be filled with made-up users, or reset.
-- No row-level security: only functions and the roles in db/tables/roles.sql reach it.
create table private.development (
  -- What said so.
  made_by text not null,
  -- When.
  at timestamp with time zone not null default clock_timestamp()
);
