-- api_recheck_followers(p_api_keys, p_all_claims, p_job_ids) -> api_answer
--
-- Which of these clients must stop following: body is a JSON array of their positions (from 1),
-- null if none. Each position of the arrays has a client's API key or verified claims, the other
-- being null, and the job that it follows. A client must stop if its key is revoked or expired, its
-- user is banned, or RLS hides the job from it. Nothing is counted.
--
-- Why definer: it checks API keys and acts under claims that the HTTP layer has verified; it reads
-- jobs as job_gateway, which is subject to RLS like any user.
-- Callers: job_http, service_role.

create or replace function public.api_recheck_followers(
  p_api_keys text[],
  p_all_claims text[],
  p_job_ids uuid[]
)
returns private.api_answer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
  v_caller record;
  v_gone bigint[] := '{}';
  v_answer private.api_answer;
begin
  perform set_config('synchronous_commit', 'off', true);
  for v_caller in
    select f.api_key, f.claims, array_agg(f.job_id) as job_ids, array_agg(f.place) as places
    from unnest(p_api_keys, p_all_claims, p_job_ids) with ordinality as f (
      api_key, claims, job_id, place)
    group by f.api_key, f.claims
  loop
    if (private.begin_request(v_caller.api_key, v_caller.claims::jsonb)).user_id is null then
      v_gone := v_gone || v_caller.places;
    else
      v_gone := v_gone || array(
        select f.place
        from unnest(v_caller.job_ids, v_caller.places) as f (job_id, place)
        where not exists (select from public.index_jobs as j where j.id = f.job_id));
    end if;
  end loop;
  v_answer.verdict := 'ok';
  v_answer.body := nullif(array_to_json(v_gone)::text, '[]');
  return v_answer;
end;
$$;

comment on function public.api_recheck_followers(text[], text[], uuid[]) is
  'Returns which clients may no longer follow their index job.';

alter function public.api_recheck_followers(text[], text[], uuid[]) owner to job_gateway;
revoke all on function public.api_recheck_followers(text[], text[], uuid[])
  from public, anon, authenticated, service_role;
grant execute on function public.api_recheck_followers(text[], text[], uuid[])
  to job_http, service_role;
