-- list_skipped_files(p_repository_id, p_reason, p_cursor, p_limit) -> table (path, reason, job_id,
--   commit_sha, cursor)
--
-- One page of the files that the last index of a repository skipped, in the order in which the
-- indexer met them, optionally only those with one reason. The first 10,000 are stored; the job's
-- stats count all of them. job_id and commit_sha are those of the stored result. The next page
-- starts after the cursor of the last row.
--
-- For the form of the query see docs/performance.md, Indexes under row-level security.
--
-- Raises:  PT404 when the repository does not exist or RLS hides it; PT409 not_completed before its
--          first index; PT422 invalid_cursor, invalid_limit (1 to 100).
-- Callers: authenticated, service_role.

create or replace function public.list_skipped_files(
  p_repository_id uuid,
  p_reason text default null,
  p_cursor text default null,
  p_limit integer default 20
)
returns table (path text, reason text, job_id uuid, commit_sha text, cursor text)
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
set enable_bitmapscan = off
set enable_sort = off
as $$
declare
  v_commit public.indexed_commits;
  v_id bigint;
begin
  perform private.check_page(p_limit);
  select c.id into v_id from private.parse_row_cursor(p_cursor) as c;
  v_commit := private.stored_commit(p_repository_id);

  return query
  select k.path, k.reason, v_commit.job_id, v_commit.commit_sha, private.row_cursor('', k.id)
  from public.skipped_files as k
  where (k.repository_id, k.id) > (p_repository_id, v_id)
    and k.repository_id <= p_repository_id
    and (p_reason is null or k.reason = p_reason)
  order by k.repository_id, k.id
  limit p_limit;
end;
$$;

comment on function public.list_skipped_files(uuid, text, text, integer) is
  'Lists the files that the last index of a repository skipped, page by page.';

revoke all on function public.list_skipped_files(uuid, text, text, integer)
  from public, anon, authenticated, service_role;
grant execute on function public.list_skipped_files(uuid, text, text, integer)
  to authenticated, service_role;
