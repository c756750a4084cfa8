-- Made by `make docs` from a migrated database. Do not edit it: CONTRIBUTING.md says how to
-- change a table.

-- How many jobs were completed or failed in each minute of the last hour.
-- No row-level security: only functions and the roles in db/tables/roles.sql reach it.
create table private.job_ends (
  -- The start of the minute.
  minute timestamp with time zone not null,
  -- How many were completed.
  completed bigint not null,
  -- How many failed.
  failed bigint not null,
  constraint job_ends_pkey
    primary key (minute)
) with (fillfactor=50);
