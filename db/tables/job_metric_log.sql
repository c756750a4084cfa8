-- Made by `make docs` from a migrated database. Do not edit it: CONTRIBUTING.md says how to
-- change a table.

-- Changes of jobs that are not yet added to private.job_metrics. Triggers append to it, so that no
-- transition updates a shared row.
-- No row-level security: only functions and the roles in db/tables/roles.sql reach it.
create table private.job_metric_log (
  -- When.
  at timestamp with time zone not null,
  -- Status before; null for the creation of the job.
  from_status public.job_status,
  -- Status after; null for the deletion of the job.
  to_status public.job_status,
  -- How an attempt ended: completed, failed, cancelled, retry, handed_back or lost.
  outcome text,
  -- How long the job waited for its first attempt, if that started.
  wait interval,
  -- How long the job took from its first attempt to its end, if it ended.
  duration interval
) with (autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=10000, autovacuum_vacuum_insert_threshold=-1);
