-- link_queue_job(p_job_id, p_queue_job_id) -> setof index_jobs
--
-- Stores the id of the external queue's job that runs this one. From then on claim_index_job
-- ignores it. The link is set once; the same link again returns the row unchanged.
--
-- Why definer: only job_writer may update a job.
-- Locks:   the index_jobs row, for no key update.
-- Raises:  PT404 when the job does not exist; PT409 already_linked, invalid_transition (the job has
--          already begun without the queue); PT422 missing_queue_job_id.
-- Callers: job_worker, service_role.

create or replace function public.link_queue_job(p_job_id uuid, p_queue_job_id uuid)
returns setof public.index_jobs
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_job public.index_jobs;
  v_now timestamptz;
begin
  if p_queue_job_id is null then
    raise exception 'queue_job_id is missing'
      using errcode = 'PT422', detail = 'missing_queue_job_id', column = 'queue_job_id',
        hint = 'Pass the id of the queue''s job.';
  end if;

  v_job := private.lock_index_job(p_job_id);
  v_now := greatest(private.clock(), v_job.updated_at);
  if v_job.queue_job_id = p_queue_job_id then
    return next v_job;
    return;
  end if;
  if v_job.queue_job_id is not null then
    raise exception 'the job is already linked to another queue job'
      using errcode = 'PT409', detail = 'already_linked', column = 'queue_job_id',
        hint = 'Create a new index job for a new queue job.';
  end if;
  if v_job.status <> 'pending' then
    raise exception 'the job is % without a queue', v_job.status
      using errcode = 'PT409', detail = 'invalid_transition', column = 'queue_job_id',
        hint = 'Link the queue job in the transaction that creates the index job.';
  end if;

  return query
  update public.index_jobs as j
  set queue_job_id = p_queue_job_id, updated_at = v_now, version = j.version + 1
  where j.id = v_job.id
  returning j.*;
end;
$$;

comment on function public.link_queue_job(uuid, uuid) is
  'Links an index job to the queue job that runs it, once.';

alter function public.link_queue_job(uuid, uuid) owner to job_writer;
revoke all on function public.link_queue_job(uuid, uuid)
  from public, anon, authenticated, service_role;
grant execute on function public.link_queue_job(uuid, uuid) to job_worker, service_role;
