-- Made by `make docs` from a migrated database. Do not edit it: CONTRIBUTING.md says how to
-- change a table.

-- Idempotency keys: a repeated create returns the first job. Deleted with that job.
-- No row-level security: only functions and the roles in db/tables/roles.sql reach it.
create table private.idempotency_keys (
  -- The key, as the caller sent it.
  key text not null,
  -- The user who sent it; null for the service.
  user_id uuid,
  -- SHA-256 of the request that came with the key, in hex.
  request_hash text not null,
  -- The job that was created.
  job_id uuid not null,
  constraint idempotency_keys_user_id_key_key
    unique nulls not distinct (user_id, key),
  constraint idempotency_keys_job_id_fkey
    foreign key (job_id) references public.index_jobs(id) on delete cascade deferrable initially
      deferred,
  constraint idempotency_keys_user_id_fkey
    foreign key (user_id) references auth.users(id) on delete cascade
);

create index idempotency_keys_job_id_idx on private.idempotency_keys using btree (job_id);
