-- insert_index_job(p_repository_id, p_ref, p_commit_sha, p_idempotency_key, p_created_by)
--   -> uuid
--
-- Creates a pending job for the repository, or finds the one that the same caller created with the
-- same idempotency key and the same request. It returns only the id: whether the caller may still
-- see that job is checked when it is read.
--
-- Why definer: only job_writer may insert a job.
-- Raises:  PT404 when there is no such repository; PT422 invalid_ref, invalid_commit_sha,
--          invalid_idempotency_key, idempotency_key_reused.
-- Callers: job_writer, service_role: create_index_job for the service; record_index_run;
--          private.create_index_job for users.

create or replace function private.insert_index_job(
  p_repository_id uuid,
  p_ref text,
  p_commit_sha text,
  p_idempotency_key text,
  p_created_by uuid
)
returns uuid
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_ref text := coalesce(p_ref, 'HEAD');
  v_commit_sha text := lower(p_commit_sha);
  v_request_hash text;
  v_now timestamptz;
  v_job_id uuid;
  v_key private.idempotency_keys;
begin
  if v_ref <> 'HEAD' and not private.is_git_ref(v_ref) then
    raise exception 'ref is not a name that git accepts, or has more than 255 characters'
      using errcode = 'PT422', detail = 'invalid_ref', column = 'ref',
        hint = 'Send a branch, a tag, HEAD or a commit; leave it out for the default branch.';
  end if;
  if v_commit_sha is not null and not private.is_commit_sha(v_commit_sha) then
    raise exception 'commit_sha must have 40 hexadecimal digits'
      using errcode = 'PT422', detail = 'invalid_commit_sha', column = 'commit_sha',
        hint = 'Send what git rev-parse prints, or leave it out for the newest commit.';
  end if;
  if p_idempotency_key is not null then
    if p_idempotency_key !~ '^[\x21-\x7e]{1,255}$' then
      raise exception 'idempotency_key is not 1 to 255 visible ASCII characters'
        using errcode = 'PT422', detail = 'invalid_idempotency_key', column = 'idempotency_key',
          hint = 'Pass a UUID, for example.';
    end if;
    v_request_hash := encode(sha256(convert_to(
      jsonb_build_array(p_repository_id, v_ref, v_commit_sha)::text, 'UTF8')), 'hex');
  end if;

  loop
    v_job_id := private.uuid_v7();
    exit when p_idempotency_key is null;
    insert into private.idempotency_keys (key, user_id, request_hash, job_id)
    values (p_idempotency_key, p_created_by, v_request_hash, v_job_id)
    on conflict do nothing;
    exit when found;

    select k.* into v_key
    from private.idempotency_keys as k
    where k.key = p_idempotency_key and k.user_id is not distinct from p_created_by;
    if found and v_key.request_hash <> v_request_hash then
      raise exception 'idempotency_key was used for another request'
        using errcode = 'PT422', detail = 'idempotency_key_reused', column = 'idempotency_key',
          hint = 'Use a new key for a new request.';
    end if;
    if found then
      return v_key.job_id;
    end if;
  end loop;

  v_now := private.clock();
  insert into public.index_jobs (
    id, repository_id, repository, owner_user_id, organization_id, created_by, ref, commit_sha,
    created_at, updated_at)
  select
    v_job_id, r.id, r.full_name, r.owner_user_id, r.organization_id, p_created_by, v_ref,
    v_commit_sha, v_now, v_now
  from public.repositories as r
  where r.id = p_repository_id;
  if not found then
    raise exception 'repository not found' using errcode = 'PT404';
  end if;
  return v_job_id;
end;
$$;

comment on function private.insert_index_job(uuid, text, text, text, uuid) is
  'Creates a pending index job, once per idempotency key.';

alter function private.insert_index_job(uuid, text, text, text, uuid) owner to job_writer;
revoke all on function private.insert_index_job(uuid, text, text, text, uuid)
  from public, anon, authenticated, service_role;
grant execute on function private.insert_index_job(uuid, text, text, text, uuid)
  to service_role, job_writer;
