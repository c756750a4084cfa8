-- api_watch_jobs(p_job_ids, p_versions) -> api_answer
--
-- Which of these jobs have changed, for the watcher of a process, which asks many times a second
-- for all jobs that its clients follow. body is a JSON array of [job_id, version, version of the
-- newest event] for each job whose version is higher than the one at the same position of
-- p_versions; for a deleted job both versions are null. Null if nothing has changed. No client sees
-- this answer: the watcher then reads each changed job for each client under RLS.
--
-- Why definer: it looks at any tenant's jobs, and no user asks.
-- Callers: job_http, service_role.

create or replace function public.api_watch_jobs(p_job_ids uuid[], p_versions bigint[])
returns private.api_answer
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
  v_answer private.api_answer;
begin
  v_answer.verdict := 'ok';
  v_answer.body := (
    select json_agg(json_build_array(w.id, j.version, e.version))::text
    from unnest(p_job_ids, p_versions) as w (id, version)
    left join public.index_jobs as j on j.id = w.id
    left join lateral (
      select e.version
      from public.index_job_events as e
      where e.job_id = j.id
      order by e.event_no desc
      limit 1) as e on j.version > w.version
    where j.id is null or j.version > w.version);
  return v_answer;
end;
$$;

comment on function public.api_watch_jobs(uuid[], bigint[]) is
  'Returns which of the given index jobs have changed.';

alter function public.api_watch_jobs(uuid[], bigint[]) owner to job_writer;
revoke all on function public.api_watch_jobs(uuid[], bigint[])
  from public, anon, authenticated, service_role;
grant execute on function public.api_watch_jobs(uuid[], bigint[]) to job_http, service_role;
