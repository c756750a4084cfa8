-- Made by `make docs` from a migrated database. Do not edit it: CONTRIBUTING.md says how to
-- change a table.

-- What happened to jobs and is not added to private.job_metrics yet: appended by triggers, so that
-- no transition updates a row that others update.
-- No row-level security: only functions and the roles in db/tables/roles.sql reach it.
create table private.job_metric_log (
  -- When.
  at timestamp with time zone not null,
  -- Status before; null when the job was made.
  from_status public.job_status,
  -- Status after; null when the job was deleted.
  to_status public.job_status,
  -- How an attempt ended then: completed, failed, cancelled, retry, handed_back or lost.
  outcome text,
  -- How long the job waited for the first attempt, which began then.
  wait interval,
  -- How long it took from there to the end of the job, which was then.
  duration interval
) with (autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=10000, autovacuum_vacuum_insert_threshold=-1);
