-- Made by `make docs` from a migrated database. Do not edit it: CONTRIBUTING.md says how to
-- change a table.

-- Counters of changes of jobs: a few dozen rows, which only grow.
-- No row-level security: only functions and the roles in db/tables/roles.sql reach it.
create table private.job_metrics (
  -- As in private.job_metric_log.
  from_status public.job_status,
  -- As in private.job_metric_log.
  to_status public.job_status,
  -- As in private.job_metric_log.
  outcome text,
  -- The bucket of the wait: its upper bound in seconds; infinity above the largest.
  wait_le double precision,
  -- The bucket of the duration, likewise.
  duration_le double precision,
  -- The count.
  events bigint not null,
  -- The sum of the waits, in seconds.
  wait numeric not null,
  -- The sum of the durations, in seconds.
  duration numeric not null,
  constraint job_metrics_from_status_to_status_outcome_wait_le_duration__key
    unique nulls not distinct (from_status, to_status, outcome, wait_le, duration_le)
) with (fillfactor=50);
