-- Made by `make docs` from a migrated database. Do not edit it: CONTRIBUTING.md says how to
-- change a table.

-- The workers seen recently: those that claim, and what they report about themselves. Empty after a
-- crash of the server, until they are seen again.
-- No row-level security: only functions and the roles in db/tables/roles.sql reach it.
create unlogged table private.runners (
  -- The worker.
  worker_id uuid not null,
  -- The name of its machine.
  host text,
  -- Its process there.
  pid integer,
  -- Its release.
  release text,
  -- How many jobs it can run at once.
  slots integer,
  -- How many jobs it is running.
  busy integer,
  -- When it last claimed or reported.
  seen_at timestamp with time zone not null,
  constraint runners_pkey
    primary key (worker_id)
) with (fillfactor=50);
