-- Made by `make docs` from a migrated database. Do not edit it: CONTRIBUTING.md says how to
-- change a table.

-- The history of each job, append-only, written in the transaction that changes the job.
-- Row-level security is on and forced.
create table public.index_job_events (
  -- The job.
  job_id uuid not null,
  -- 1, 2, 3 … per job, without gaps.
  event_no integer not null,
  -- The status before; null for the creation of the job.
  from_status public.job_status,
  -- The status after.
  to_status public.job_status not null,
  -- The attempt after the change.
  attempt integer not null,
  -- When it happened.
  at timestamp with time zone not null,
  -- The worker after the change.
  worker_id uuid,
  -- The version of the job after the change.
  version bigint not null,
  -- Details by kind: {"error": text}, why the previous attempt ended; {"retry_at": time}, it ended
  -- and the next one may start at that time; {"handed_back": true}, its worker gave the job back;
  -- {"cancel_requested": true}.
  detail jsonb not null default '{}'::jsonb,
  constraint index_job_events_pkey
    primary key (job_id, event_no),
  constraint index_job_events_job_id_fkey
    foreign key (job_id) references public.index_jobs(id) on delete cascade,
  constraint index_job_events_are_numbered_from_one
    check (event_no >= 1)
);
