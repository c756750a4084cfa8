-- cancel_index_job(p_job_id) -> void
--
-- Cancels a job in the name of the signed-in user: the owner, an owner or admin of the organization
-- that owns it, or the member who created the job.
--
-- Why definer: only job_writer may update a job. Identity comes from the claims only.
-- Locks:   the index_jobs row, for no key update.
-- Raises:  PT404 when the job is missing or hidden; PT403 not_allowed; PT409 invalid_transition.
-- Callers: authenticated: cancel_index_job.

create or replace function private.cancel_index_job(p_job_id uuid)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id uuid := private.current_user_id();
  v_may boolean;
  v_job public.index_jobs;
  v_now timestamptz;
begin
  select j.owner_user_id is not null or m.role in ('owner', 'admin') or j.created_by = v_user_id
  into v_may
  from public.index_jobs as j
  left join public.organization_members as m
    on m.organization_id = j.organization_id and m.user_id = v_user_id
  where j.id = p_job_id and (j.owner_user_id = v_user_id or m.user_id is not null);
  if not found then
    raise exception 'index job not found' using errcode = 'PT404';
  end if;
  if v_may is not true then
    raise exception 'members may cancel only the jobs they created'
      using errcode = 'PT403', detail = 'not_allowed', column = 'job_id',
        hint = 'Ask an owner or admin of the organization, or the member who created the job.';
  end if;

  v_job := private.lock_index_job(p_job_id);
  v_now := greatest(private.clock(), v_job.updated_at);
  if v_job.status = 'cancelled'
    or (v_job.status = 'processing' and v_job.cancel_requested_at is not null)
  then
    return;
  end if;
  perform
  from private.job_transitions() as t
  where t.from_status = v_job.status and t.to_status = 'cancelled';
  if not found then
    raise exception 'the job is already %', v_job.status
      using errcode = 'PT409', detail = 'invalid_transition', column = 'job_id',
        hint = 'A final status never changes.';
  end if;

  update public.index_jobs as j
  set cancel_requested_at = v_now,
    status = case when j.status = 'pending' or j.retry_at is not null then 'cancelled'
      else j.status end,
    completed_at = case when j.status = 'pending' or j.retry_at is not null then v_now end,
    retry_at = null,
    updated_at = v_now,
    version = j.version + 1
  where j.id = v_job.id;
end;
$$;

comment on function private.cancel_index_job(uuid) is
  'Cancels an index job for the signed-in user, or asks its worker to.';

alter function private.cancel_index_job(uuid) owner to job_writer;
revoke all on function private.cancel_index_job(uuid)
  from public, anon, authenticated, service_role;
grant execute on function private.cancel_index_job(uuid) to authenticated;
