-- Made by `make docs` from a migrated database. Do not edit it: CONTRIBUTING.md says how to
-- change a table.

-- The newest run of each job that an external queue runs, by the queue's own count.
-- No row-level security: only functions and the roles in db/tables/roles.sql reach it.
create table private.queue_attempts (
  -- The job.
  job_id uuid not null,
  -- How often the queue had run the job before, such as retryCount in pg-boss.
  queue_attempt integer not null,
  constraint queue_attempts_pkey
    primary key (job_id),
  constraint queue_attempts_job_id_fkey
    foreign key (job_id) references public.index_jobs(id) on delete cascade,
  constraint queue_attempts_are_counted_from_zero
    check (queue_attempt >= 0)
);
