-- list_index_jobs(p_organization_id, p_repository_id, p_status, p_since, p_cursor, p_limit)
--   -> setof index_jobs
--
-- One page of the jobs of an organization, or of the caller, newest first. p_since is the earliest
-- created_at. The next page starts after the cursor "created_at,id" of the last row; jobs created
-- meanwhile come before it and shift nothing. For a scope that the caller may not see, the page is
-- empty.
--
-- There is one query per index: see docs/performance.md, Indexes under row-level security.
--
-- Raises:  PT422 unknown_status, invalid_cursor, invalid_limit (1 to 100).
-- Callers: authenticated, service_role.

create or replace function public.list_index_jobs(
  p_organization_id uuid default null,
  p_repository_id uuid default null,
  p_status text default null,
  p_since timestamptz default null,
  p_cursor text default null,
  p_limit integer default 20
)
returns setof public.index_jobs
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
set enable_bitmapscan = off
set enable_sort = off
as $$
declare
  v_user_id uuid := private.current_user_id();
  v_since timestamptz := coalesce(p_since, '-infinity');
  v_tenant_id uuid := coalesce(p_organization_id, v_user_id);
  v_status public.job_status;
  v_state integer;
  v_before timestamptz;
  v_before_id uuid;
begin
  perform private.check_page(p_limit);
  if p_status is not null then
    v_status := private.parse_status(p_status);
    v_state := case v_status
      when 'pending' then 0 when 'processing' then 1 when 'cancelled' then 2 when 'failed' then 3
    end;
  end if;
  select c.created_at, c.id into v_before, v_before_id from private.parse_cursor(p_cursor) as c;

  if p_repository_id is not null and v_status is null then
    return query
    select j.*
    from public.index_jobs as j
    where j.repository_id = p_repository_id
      and j.tenant_id is not distinct from v_tenant_id
      and j.created_at >= v_since
      and (j.created_at, j.id) < (v_before, v_before_id)
    order by j.created_at desc, j.id desc
    limit p_limit;
  elsif p_repository_id is not null and v_status = 'completed' then
    return query
    select j.*
    from public.index_jobs as j
    where j.repository_id = p_repository_id
      and j.status = 'completed'
      and j.tenant_id is not distinct from v_tenant_id
      and j.created_at >= v_since
      and (j.created_at, j.id) < (v_before, v_before_id)
    order by j.created_at desc, j.id desc
    limit p_limit;
  elsif p_repository_id is not null then
    return query
    select j.*
    from public.index_jobs as j
    where j.repository_id = p_repository_id
      and j.status <> 'completed'
      and case when j.completed_at is null then case when j.started_at is null then 0 else 1 end
        when j.error_message is null then 2 else 3 end = v_state
      and j.tenant_id is not distinct from v_tenant_id
      and j.created_at >= v_since
      and (j.created_at, j.id) < (v_before, v_before_id)
    order by j.created_at desc, j.id desc
    limit p_limit;
  elsif v_status = 'completed' then
    return query
    select j.*
    from public.index_jobs as j
    where j.tenant_id = v_tenant_id
      and j.status = 'completed'
      and j.created_at >= v_since
      and (j.created_at, j.id) < (v_before, v_before_id)
    order by j.created_at desc, j.id desc
    limit p_limit;
  elsif v_status is not null then
    return query
    select j.*
    from public.index_jobs as j
    where j.tenant_id = v_tenant_id
      and j.status <> 'completed'
      and case when j.completed_at is null then case when j.started_at is null then 0 else 1 end
        when j.error_message is null then 2 else 3 end = v_state
      and j.created_at >= v_since
      and (j.created_at, j.id) < (v_before, v_before_id)
    order by j.created_at desc, j.id desc
    limit p_limit;
  elsif p_organization_id is not null then
    return query
    select j.*
    from public.index_jobs as j
    where j.organization_id = p_organization_id
      and j.created_at >= v_since
      and (j.created_at, j.id) < (v_before, v_before_id)
    order by j.created_at desc, j.id desc
    limit p_limit;
  else
    return query
    select j.*
    from public.index_jobs as j
    where j.owner_user_id = v_user_id
      and j.created_at >= v_since
      and (j.created_at, j.id) < (v_before, v_before_id)
    order by j.created_at desc, j.id desc
    limit p_limit;
  end if;
end;
$$;

comment on function public.list_index_jobs(uuid, uuid, text, timestamptz, text, integer) is
  'Lists the index jobs of a user or an organization, newest first, page by page.';

revoke all on function public.list_index_jobs(uuid, uuid, text, timestamptz, text, integer)
  from public, anon, authenticated, service_role;
grant execute on function public.list_index_jobs(uuid, uuid, text, timestamptz, text, integer)
  to authenticated, service_role;
