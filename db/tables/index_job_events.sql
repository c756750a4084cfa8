-- Made by `make docs` from a migrated database. Do not edit it: CONTRIBUTING.md says how to
-- change a table.

-- The story of each job, append-only: written in the transaction that changed the job.
-- Row-level security is on and forced.
create table public.index_job_events (
  -- The job.
  job_id uuid not null,
  -- 1, 2, 3 … for each job, without a gap.
  event_no integer not null,
  -- The status before; null when the job was made.
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
  -- More, by kind: {"error": text}, why the attempt before the event ended; {"retry_at": time}, it
  -- ended and the next one may begin then; {"handed_back": true}, its worker gave the job back;
  -- {"cancel_requested": true}.
  detail jsonb not null default '{}'::jsonb,
  constraint index_job_events_pkey
    primary key (job_id, event_no),
  constraint index_job_events_job_id_fkey
    foreign key (job_id) references public.index_jobs(id) on delete cascade,
  constraint index_job_events_are_numbered_from_one
    check (event_no >= 1)
);
