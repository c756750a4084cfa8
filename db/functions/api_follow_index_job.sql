-- api_follow_index_job(p_api_key, p_claims, p_job_id, p_after, p_is_first, p_explains)
--   -> api_answer
--
-- The next update for a client that follows a job, in one statement. body is {"events", "job",
-- "explain"}: the events after number p_after, oldest first; the job now; and, if p_explains is
-- true and the job has not ended, why it is in its current state. Without p_after it is the job
-- alone, as api_get_job_status returns it. The first call of a client counts as one request, like a
-- poll; later calls are not counted.
--
-- Why definer: it checks API keys and acts under claims that the HTTP layer has verified; it reads
-- jobs as job_gateway, which is subject to RLS like any user.
-- Callers: job_http, service_role.

create or replace function public.api_follow_index_job(
  p_api_key text,
  p_claims jsonb,
  p_job_id text,
  p_after integer,
  p_is_first boolean,
  p_explains boolean
)
returns private.api_answer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
  v_job_id uuid := private.parse_uuid(p_job_id);
  v_caller private.api_caller;
  v_answer private.api_answer;
begin
  perform set_config('synchronous_commit', 'off', true);
  v_caller := private.begin_request(p_api_key, p_claims);
  if p_is_first or v_caller.user_id is null then
    v_answer := private.count_request(v_caller);
    if v_answer.verdict <> 'ok' then
      return v_answer;
    end if;
  end if;

  select
    case
      when p_after is null then row_to_json(j)
      else json_build_object(
        'events', coalesce((
          select json_agg(row_to_json(e) order by e.event_no)
          from public.index_job_events as e
          where e.job_id = j.id and e.event_no > p_after), '[]'),
        'job', row_to_json(j),
        'explain', case when p_explains and j.completed_at is null
          then (select row_to_json(x) from public.explain_index_job(p_job_id => j.id) as x) end)
    end::text,
    j.id, j.status, j.version,
    case when j.completed_at is null
      then extract(epoch from private.clock() - coalesce(j.started_at, j.created_at)) end
  into v_answer.body, v_answer.job_id, v_answer.job_status, v_answer.job_version, v_answer.job_age
  from public.index_jobs as j
  where j.id = v_job_id;
  v_answer.verdict := case when found then 'ok' else 'PT404' end;
  return v_answer;
end;
$$;

comment on function public.api_follow_index_job(text, jsonb, text, integer, boolean, boolean) is
  'Returns the next update for a client that follows an index job.';

alter function public.api_follow_index_job(text, jsonb, text, integer, boolean, boolean)
  owner to job_gateway;
revoke all on function public.api_follow_index_job(text, jsonb, text, integer, boolean, boolean)
  from public, anon, authenticated, service_role;
grant execute on function
  public.api_follow_index_job(text, jsonb, text, integer, boolean, boolean)
  to job_http, service_role;
