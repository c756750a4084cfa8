-- forget_idempotency_key() -> trigger
--
-- Takes the idempotency key from a job whose user is deleted: without a user the key would be the
-- service's, who may use the same one, and so may another user who is deleted.
--
-- Callers: the trigger on index_jobs.

create or replace function private.forget_idempotency_key()
returns trigger
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  new.idempotency_key := null;
  new.request_hash := null;
  return new;
end;
$$;

comment on function private.forget_idempotency_key() is
  'Takes the idempotency key from a job whose user is deleted.';

revoke all on function private.forget_idempotency_key()
  from public, anon, authenticated, service_role;

create or replace trigger index_jobs_forget_idempotency_key
  before update of created_by on public.index_jobs
  for each row
  when (old.created_by is not null and new.created_by is null)
  execute function private.forget_idempotency_key();
