-- create_index_job(p_repository_id, p_ref, p_commit_sha, p_idempotency_key) -> setof index_jobs
--
-- Creates a pending job that indexes the repository at a ref (default: its default branch) or at a
-- commit, and returns it. The same caller, key and request always return the same job, as long as
-- the caller may see it.
--
-- Raises:  PT404 when the repository, or the job of an earlier request, is missing or hidden;
--          PT422 invalid_ref, invalid_commit_sha, invalid_idempotency_key,
--          idempotency_key_reused.
-- Callers: authenticated, service_role.

create or replace function public.create_index_job(
  p_repository_id uuid,
  p_ref text default null,
  p_commit_sha text default null,
  p_idempotency_key text default null
)
returns setof public.index_jobs
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_job_id uuid;
begin
  if pg_has_role(current_user, 'service_role', 'usage') then
    v_job_id := private.insert_index_job(
      p_repository_id => p_repository_id,
      p_ref => p_ref,
      p_commit_sha => p_commit_sha,
      p_idempotency_key => p_idempotency_key,
      p_created_by => null);
  else
    v_job_id := private.create_index_job(
      p_repository_id => p_repository_id,
      p_ref => p_ref,
      p_commit_sha => p_commit_sha,
      p_idempotency_key => p_idempotency_key);
  end if;
  return query select j.* from public.index_jobs as j where j.id = v_job_id;
  if not found then  -- an earlier request's job, which the caller may no longer see
    raise exception 'index job not found' using errcode = 'PT404';
  end if;
end;
$$;

comment on function public.create_index_job(uuid, text, text, text) is
  'Creates a pending index job, once per idempotency key.';

revoke all on function public.create_index_job(uuid, text, text, text)
  from public, anon, authenticated, service_role;
grant execute on function public.create_index_job(uuid, text, text, text)
  to authenticated, service_role;
