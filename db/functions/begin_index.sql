-- begin_index(p_job_id, p_attempt, p_extractor)
--   -> table (git_url, base_job_id, base_commit_sha, base_stats)
--
-- What a worker needs before it indexes: where to clone from, and what is already stored. The base_
-- columns are null unless the stored rows were made by the same extractor; then the worker may send
-- only what has changed since base_commit_sha, and pass base_job_id to complete_index. Read the
-- stored rows after this call: if another job replaces them in between, complete_index returns
-- base_changed.
--
-- Why definer: the checks that it makes are those of the functions that write.
-- Raises:  PT404 when the job does not exist; PT409 stale_attempt, attempt_required,
--          not_processing.
-- Callers: job_worker, service_role.

create or replace function public.begin_index(p_job_id uuid, p_attempt integer, p_extractor text)
returns table (git_url text, base_job_id uuid, base_commit_sha text, base_stats jsonb)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_job public.index_jobs;
begin
  select j.* into v_job from public.index_jobs as j where j.id = p_job_id;
  if not found then
    raise exception 'index job not found' using errcode = 'PT404';
  end if;
  perform private.check_attempt(v_job, p_attempt);
  if v_job.status <> 'processing' then
    raise exception 'the job is %', v_job.status
      using errcode = 'PT409', detail = 'not_processing', column = 'job_id',
        hint = 'Stop working on the job.';
  end if;

  return query
  select r.git_url, c.job_id, c.commit_sha, c.stats
  from public.repositories as r
  left join private.read_indexed_commit(v_job.repository_id, p_extractor) as c on true
  where r.id = v_job.repository_id;
end;
$$;

comment on function public.begin_index(uuid, integer, text) is
  'Returns where to clone the repository of a job from, and what is already stored.';

alter function public.begin_index(uuid, integer, text) owner to job_writer;
revoke all on function public.begin_index(uuid, integer, text)
  from public, anon, authenticated, service_role;
grant execute on function public.begin_index(uuid, integer, text) to job_worker, service_role;
