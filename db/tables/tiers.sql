-- Made by `make docs` from a migrated database. Do not edit it: CONTRIBUTING.md says how to
-- change a table.

-- What each tier may spend.
-- No row-level security: only functions and the roles in db/tables/roles.sql reach it.
create table private.tiers (
  -- free, solo or team.
  name text not null,
  -- Requests a user may make in a clock hour.
  requests_per_hour integer not null,
  constraint tiers_pkey
    primary key (name),
  constraint tiers_requests_per_hour_is_positive
    check (requests_per_hour > 0)
);
