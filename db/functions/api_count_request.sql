-- api_count_request(p_api_key, p_claims) -> api_answer
--
-- For a request that the HTTP layer rejects by its shape: checks the key, counts the request, and
-- does nothing else. The count does not wait for the disk.
--
-- Why definer: it checks API keys and acts under claims that the HTTP layer has verified.
-- Callers: job_http, service_role.

create or replace function public.api_count_request(p_api_key text, p_claims jsonb)
returns private.api_answer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
begin
  perform set_config('synchronous_commit', 'off', true);
  return private.count_request(private.begin_request(p_api_key, p_claims));
end;
$$;

comment on function public.api_count_request(text, jsonb) is
  'Counts a request without doing anything else.';

alter function public.api_count_request(text, jsonb) owner to job_gateway;
revoke all on function public.api_count_request(text, jsonb)
  from public, anon, authenticated, service_role;
grant execute on function public.api_count_request(text, jsonb) to job_http, service_role;
