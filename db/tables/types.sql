-- Made by `make docs` from a migrated database. Do not edit it: CONTRIBUTING.md says how to
-- change a table.

-- The state of a job. completed, failed and cancelled are final; a job never moves backward.
create type public.job_status as enum (
  'pending',
  'processing',
  'completed',
  'failed',
  'cancelled'
);

-- The answer of an api_ function: ok or the SQLSTATE of a refusal with its code, message, hint and
-- field; the body as JSON text; the quota (reset in Unix seconds), null for an unknown caller; the
-- cursor of the next page of a list; the seconds since a job started to wait or to run, null after
-- its end; the caller, for work that continues after the answer.
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

-- The caller of an api_ function: user, start of the clock hour, its limit, requests so far.
create type private.api_caller as (
  user_id uuid,
  window_start timestamp with time zone,
  rate_limit integer,
  requests integer
);
