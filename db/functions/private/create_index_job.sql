-- create_index_job(p_repository_id, p_ref, p_commit_sha, p_idempotency_key) -> uuid
--
-- Creates a job in the name of the signed-in user, for a repository of the user or of an
-- organization of the user.
--
-- Why definer: only job_writer may insert a job. Identity comes from the claims only.
-- Raises:  PT404 when the repository is missing or not the caller's; else as insert_index_job.
-- Callers: authenticated: create_index_job for users.

create or replace function private.create_index_job(
  p_repository_id uuid,
  p_ref text,
  p_commit_sha text,
  p_idempotency_key text
)
returns uuid
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id uuid := private.current_user_id();
begin
  perform
  from public.repositories as r
  where r.id = p_repository_id
    and (r.owner_user_id = v_user_id
      or exists (
        select from public.organization_members as m
        where m.organization_id = r.organization_id and m.user_id = v_user_id));
  if not found then
    raise exception 'repository not found' using errcode = 'PT404';
  end if;
  return private.insert_index_job(
    p_repository_id => p_repository_id,
    p_ref => p_ref,
    p_commit_sha => p_commit_sha,
    p_idempotency_key => p_idempotency_key,
    p_created_by => v_user_id);
end;
$$;

comment on function private.create_index_job(uuid, text, text, text) is
  'Creates an index job for the signed-in user.';

alter function private.create_index_job(uuid, text, text, text) owner to job_writer;
revoke all on function private.create_index_job(uuid, text, text, text)
  from public, anon, authenticated, service_role;
grant execute on function private.create_index_job(uuid, text, text, text) to authenticated;
