-- find_symbols(p_repository_id, p_name, p_prefix, p_cursor, p_limit) -> table (name, kind, path,
--   language, start_line, end_line, parent, job_id, commit_sha, cursor)
--
-- One page of the symbols stored for a repository: those with exactly that name, those whose name
-- starts with p_prefix, or all. Sorted by name in code point order, then by id. Case matters, and
-- there are no wildcards. parent is the enclosing definition, or null; job_id and commit_sha are
-- those of the stored result. The next page starts after the cursor of the last row.
--
-- For the form of the queries see docs/performance.md, Indexes under row-level security.
--
-- Raises:  PT404 when the repository does not exist or RLS hides it; PT409 not_completed before its
--          first index; PT422 name_and_prefix, invalid_cursor, invalid_limit (1 to 100).
-- Callers: authenticated, service_role.

create or replace function public.find_symbols(
  p_repository_id uuid,
  p_name text default null,
  p_prefix text default null,
  p_cursor text default null,
  p_limit integer default 20
)
returns table (
  name text, kind text, path text, language text, start_line integer, end_line integer,
  parent text, job_id uuid, commit_sha text, cursor text
)
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan
set enable_bitmapscan = off
set enable_sort = off
as $$
declare
  v_commit public.indexed_commits;
  v_prefix text := coalesce(p_prefix, '');
  v_name text;
  v_id bigint;
begin
  perform private.check_page(p_limit);
  if p_name is not null and p_prefix is not null then
    raise exception 'name and prefix cannot be combined'
      using errcode = 'PT422', detail = 'name_and_prefix', column = 'prefix',
        hint = 'Send name for one exact name, or prefix for all names that start with it.';
  end if;
  select c.place, c.id into v_name, v_id from private.parse_row_cursor(p_cursor) as c;
  v_commit := private.stored_commit(p_repository_id);

  if p_name is not null then
    return query
    select p.name, p.kind, f.path, f.language, p.start_line, p.end_line, p.parent,
      v_commit.job_id, v_commit.commit_sha, private.row_cursor(p.name, p.id)
    from (
      select s.*
      from public.symbols as s
      where (s.repository_id, s.name collate "C", s.id) > (p_repository_id, p_name, v_id)
        and (s.repository_id, s.name collate "C") <= (p_repository_id, p_name)
      order by s.repository_id, s.name collate "C", s.id
      limit p_limit) as p
    join public.indexed_files as f on f.id = p.file_id
    order by p.repository_id, p.name collate "C", p.id;
    return;
  end if;

  if v_name collate "C" < v_prefix then
    v_name := v_prefix;
    v_id := 0;
  end if;
  return query
  select p.name, p.kind, f.path, f.language, p.start_line, p.end_line, p.parent,
    v_commit.job_id, v_commit.commit_sha, private.row_cursor(p.name, p.id)
  from (
    select s.*
    from public.symbols as s
    where s.repository_id = p_repository_id
      and (s.name collate "C", s.id) > (v_name, v_id)
      and starts_with(s.name collate "C", v_prefix)
    order by s.name collate "C", s.id
    limit p_limit) as p
  join public.indexed_files as f on f.id = p.file_id
  order by p.name collate "C", p.id;
end;
$$;

comment on function public.find_symbols(uuid, text, text, text, integer) is
  'Finds the symbols of a repository by exact name or prefix, page by page.';

revoke all on function public.find_symbols(uuid, text, text, text, integer)
  from public, anon, authenticated, service_role;
grant execute on function public.find_symbols(uuid, text, text, text, integer)
  to authenticated, service_role;
