-- admin_list_index_jobs(p_status, p_tenant, p_repository, p_since, p_until, p_queue_job_id,
--   p_cursor, p_limit) -> setof index_jobs
--
-- One page of all tenants' jobs, newest first, for support. p_tenant is the id of a user or an
-- organization; p_repository a full name or an id; p_since and p_until bound created_at; p_cursor
-- is the id of the last job of the previous page.
--
-- Why definer: it reads rows that RLS would hide.
-- Raises:  PT422 unknown_status, invalid_tenant, invalid_queue_job_id, invalid_cursor,
--          invalid_limit (1 to 100).
-- Callers: job_gateway: api_admin_list_index_jobs.

create or replace function private.admin_list_index_jobs(
  p_status text,
  p_tenant text,
  p_repository text,
  p_since timestamptz,
  p_until timestamptz,
  p_queue_job_id text,
  p_cursor text,
  p_limit integer
)
returns setof public.index_jobs
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan
as $$
declare
  v_status public.job_status;
  v_tenant_id uuid := private.parse_uuid(p_tenant);
  v_queue_job_id uuid := private.parse_uuid(p_queue_job_id);
  v_before uuid := private.parse_uuid(p_cursor);
begin
  perform private.check_page(p_limit);
  if p_status is not null then
    v_status := private.parse_status(p_status);
  end if;
  if p_tenant is not null and v_tenant_id is null then
    raise exception 'tenant is not a UUID'
      using errcode = 'PT422', detail = 'invalid_tenant', column = 'tenant',
        hint = 'Pass the id of a user or an organization, such as a job''s tenant_id.';
  end if;
  if p_queue_job_id is not null and v_queue_job_id is null then
    raise exception 'queue_job_id is not a UUID'
      using errcode = 'PT422', detail = 'invalid_queue_job_id', column = 'queue_job_id',
        hint = 'Pass the id of the queue''s job.';
  end if;
  if p_cursor is not null and v_before is null then
    raise exception 'cursor is not valid'
      using errcode = 'PT422', detail = 'invalid_cursor', column = 'cursor',
        hint = 'Pass the next_cursor of the previous page, or nothing for the first page.';
  end if;

  return query
  select j.*
  from public.index_jobs as j
  where (v_status is null or j.status = v_status)
    and (v_tenant_id is null or j.tenant_id = v_tenant_id)
    and (p_repository is null or j.repository_id = any (array(
      select r.id
      from public.repositories as r
      where r.full_name = p_repository or r.id = private.parse_uuid(p_repository))))
    and (p_since is null or j.created_at >= p_since)
    and (p_until is null or j.created_at < p_until)
    and (v_queue_job_id is null or j.queue_job_id = v_queue_job_id)
    and (v_before is null or j.id < v_before)
  order by j.id desc
  limit p_limit;
end;
$$;

comment on function private.admin_list_index_jobs(
  text, text, text, timestamptz, timestamptz, text, text, integer) is
  'Lists all tenants'' index jobs for support, newest first, page by page.';

alter function private.admin_list_index_jobs(
  text, text, text, timestamptz, timestamptz, text, text, integer) owner to job_writer;
revoke all on function private.admin_list_index_jobs(
  text, text, text, timestamptz, timestamptz, text, text, integer)
  from public, anon, authenticated, service_role;
grant execute on function private.admin_list_index_jobs(
  text, text, text, timestamptz, timestamptz, text, text, integer) to job_gateway;
