-- record_index_duration(p_job) -> void
--
-- Stores how long the attempt that completed a job took and how many bytes it had to read, and
-- keeps only the last 20 rows of the repository.
--
-- Callers: job_writer: complete_index, with the repository locked.

create or replace function private.record_index_duration(p_job public.index_jobs)
returns void
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
  insert into private.index_durations
    (repository_id, commit_sha, bytes, bytes_unchanged, seconds, ended_at)
  select
    p_job.repository_id,
    p_job.commit_sha,
    coalesce(sum(f.bytes), 0),
    coalesce(sum(f.bytes) filter (where f.job_id is distinct from p_job.id), 0),
    extract(epoch from p_job.completed_at - (
      select min(e.at)
      from public.index_job_events as e
      where e.job_id = p_job.id and e.attempt = p_job.attempt)),
    p_job.completed_at
  from public.indexed_files as f
  where f.repository_id = p_job.repository_id;

  delete from private.index_durations as d
  where d.repository_id = p_job.repository_id
    and d.id <= (
      select o.id
      from private.index_durations as o
      where o.repository_id = p_job.repository_id
      order by o.id desc
      offset 20
      limit 1);
$$;

comment on function private.record_index_duration(public.index_jobs) is
  'Stores how long a repository took to index.';

revoke all on function private.record_index_duration(public.index_jobs)
  from public, anon, authenticated, service_role;
grant execute on function private.record_index_duration(public.index_jobs) to job_writer;
