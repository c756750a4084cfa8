-- list_indexed_files(p_repository_id, p_cursor, p_limit) -> table (path, language, bytes, blob_sha,
--   symbol_count, job_id, commit_sha, cursor)
--
-- One page of the files stored for a repository, by path. job_id and commit_sha are those of the
-- stored result. The next page starts after the cursor of the last row. language is null if it is
-- unknown, symbol_count if the symbols could not be extracted.
--
-- Raises:  PT404 when the repository does not exist or RLS hides it; PT409 not_completed before its
--          first index; PT422 invalid_cursor, invalid_limit (1 to 100).
-- Callers: authenticated, service_role.

create or replace function public.list_indexed_files(
  p_repository_id uuid,
  p_cursor text default null,
  p_limit integer default 20
)
returns table (
  path text, language text, bytes bigint, blob_sha text, symbol_count integer, job_id uuid,
  commit_sha text, cursor text
)
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
set enable_bitmapscan = off
set enable_sort = off
as $$
declare
  v_commit public.indexed_commits;
  v_path text;
  v_id bigint;
begin
  perform private.check_page(p_limit);
  select c.place, c.id into v_path, v_id from private.parse_row_cursor(p_cursor) as c;
  v_commit := private.stored_commit(p_repository_id);

  return query
  select f.path, f.language, f.bytes, f.blob_sha, f.symbol_count, v_commit.job_id,
    v_commit.commit_sha, private.row_cursor(f.path, f.id)
  from public.indexed_files as f
  where f.repository_id = p_repository_id and (f.path, f.id) > (v_path, v_id)
  order by f.path
  limit p_limit;
end;
$$;

comment on function public.list_indexed_files(uuid, text, integer) is
  'Lists the files stored for a repository, by path, page by page.';

revoke all on function public.list_indexed_files(uuid, text, integer)
  from public, anon, authenticated, service_role;
grant execute on function public.list_indexed_files(uuid, text, integer)
  to authenticated, service_role;
