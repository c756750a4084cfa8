-- list_queue_jobs(p_job_ids)
--   -> table (job_id, status, is_linked, is_held, is_waiting, queue_attempt, tenant_id, payload)
--
-- What a bridge compares with its queue: the jobs with these ids, and all that the queue should
-- have: linked jobs that have not ended, and jobs that have not started, except jobs linked to
-- another queue. is_held: a worker has the attempt; is_waiting: the last attempt has ended and the
-- next has not started. payload is what the queue stores: {indexJobId, repositoryId, commitSha}.
--
-- Why definer: nobody but job_writer sees every job and the runs of their queues.
-- Callers: none: index-jobs bridge install grants it to the owner of a bridge.

create or replace function private.list_queue_jobs(p_job_ids uuid[])
returns table (
  job_id uuid, status public.job_status, is_linked boolean, is_held boolean, is_waiting boolean,
  queue_attempt integer, tenant_id uuid, payload jsonb
)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  select
    j.id, j.status, j.queue_job_id is not null,
    j.worker_id is not null and j.retry_at is null and j.status = 'processing',
    j.retry_at is not null, a.queue_attempt, j.tenant_id,
    jsonb_build_object(
      'indexJobId', j.id, 'repositoryId', j.repository_id, 'commitSha', j.commit_sha)
  from public.index_jobs as j
  left join private.queue_attempts as a on a.job_id = j.id
  where (j.queue_job_id is null or j.queue_job_id = j.id)
    and (j.id = any (p_job_ids)
      or j.status = 'pending'
      or j.status = 'processing' and j.queue_job_id is not null);
$$;

comment on function private.list_queue_jobs(uuid[]) is
  'Lists the index jobs that a bridge compares with its queue.';

alter function private.list_queue_jobs(uuid[]) owner to job_writer;
revoke all on function private.list_queue_jobs(uuid[])
  from public, anon, authenticated, service_role;
