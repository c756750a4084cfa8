-- admin_retry_index_job(p_job_id) -> setof index_jobs
--
-- Creates a job that repeats a failed or cancelled one: the same repository, ref, commit and
-- creator, and repeats_job_id refers to the original. If such a repeat has not ended yet, that one
-- is returned.
--
-- Why definer: only job_writer may insert or update a job.
-- Locks:   the row of the job that is repeated, for no key update: of two calls at once one makes
--          the repeat.
-- Raises:  PT404 when the job does not exist; PT409 not_repeatable when it is under way or is
--          completed.
-- Callers: job_gateway: api_admin_change_index_job.

create or replace function private.admin_retry_index_job(p_job_id uuid)
returns setof public.index_jobs
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_job public.index_jobs := private.lock_index_job(p_job_id);
  v_repeat_id uuid;
begin
  if v_job.status not in ('failed', 'cancelled') then
    raise exception 'the job is %', v_job.status
      using errcode = 'PT409', detail = 'not_repeatable', column = 'job_id',
        hint = 'Only a failed or cancelled job can be repeated.';
  end if;
  return query
  select j.*
  from public.index_jobs as j
  where j.repeats_job_id = v_job.id
    and j.repository_id = v_job.repository_id
    and j.completed_at is null
  limit 1;
  if found then
    return;
  end if;
  v_repeat_id := private.insert_index_job(
    p_repository_id => v_job.repository_id,
    p_ref => v_job.ref,
    p_commit_sha => v_job.commit_sha,
    p_idempotency_key => null,
    p_created_by => v_job.created_by);
  return query
  update public.index_jobs as j
  set repeats_job_id = v_job.id
  where j.id = v_repeat_id
  returning j.*;
end;
$$;

comment on function private.admin_retry_index_job(uuid) is
  'Creates an index job that repeats another, for support.';

alter function private.admin_retry_index_job(uuid) owner to job_writer;
revoke all on function private.admin_retry_index_job(uuid)
  from public, anon, authenticated, service_role;
grant execute on function private.admin_retry_index_job(uuid) to job_gateway;
