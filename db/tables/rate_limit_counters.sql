-- Made by `make docs` from a migrated database. Do not edit it: CONTRIBUTING.md says how to
-- change a table.

-- Requests of each user in the current clock hour. Unlogged: after a crash all counts are zero.
-- No row-level security: only functions and the roles in db/tables/roles.sql reach it.
create unlogged table private.rate_limit_counters (
  -- The user.
  user_id uuid not null,
  -- The clock hour, in UTC.
  window_start timestamp with time zone not null,
  -- Number of requests in that hour.
  requests integer not null,
  constraint rate_limit_counters_pkey
    primary key (user_id)
) with (fillfactor=50);
