-- Made by `make docs` from a migrated database. Do not edit it: CONTRIBUTING.md says how to
-- change a table.

-- The quota of each tier.
-- No row-level security: only functions and the roles in db/tables/roles.sql reach it.
create table private.tiers (
  -- free, solo or team.
  name text not null,
  -- Requests per user and clock hour.
  requests_per_hour integer not null,
  constraint tiers_pkey
    primary key (name),
  constraint tiers_requests_per_hour_is_positive
    check (requests_per_hour > 0)
);
