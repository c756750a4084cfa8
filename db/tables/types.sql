-- Made by `make docs` from a migrated database. Do not edit it: CONTRIBUTING.md says how to
-- change a table.

-- Where a job stands. completed, failed and cancelled are final; no job ever moves backward.
create type public.job_status as enum (
  'pending',
  'processing',
  'completed',
  'failed',
  'cancelled'
);

-- What an api_ function answers: ok or the SQLSTATE of a refusal with its code, message, hint and
-- field; the body as JSON text; the quota (reset in Unix seconds), null for an unknown caller; the
-- place of the next page of a list; the seconds since a job began to wait or to run, null once it
-- has ended; who asked, for what goes on after the answer.
create type private.api_answer as (
  verdict text,
  code text,
  message text,
  hint text,
  field text,
  body text,
  job_id uuid,
  job_status text,
  job_version bigint,
  rate_limit integer,
  rate_remaining integer,
  rate_reset bigint,
  next_cursor text,
  job_age integer,
  user_id uuid
);

-- Who calls an api_ function: user, start of the clock hour, its limit, requests so far.
create type private.api_caller as (
  user_id uuid,
  window_start timestamp with time zone,
  rate_limit integer,
  requests integer
);
