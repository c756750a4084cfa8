-- read_indexed_commit(p_repository_id, p_extractor) -> setof indexed_commits
--
-- What is stored for a repository, or no row unless that extractor made it and the number of stored
-- files matches the stats of its job.
--
-- Callers: job_writer: begin_index, complete_index.

create or replace function private.read_indexed_commit(p_repository_id uuid, p_extractor text)
returns setof public.indexed_commits
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select c.*
  from public.indexed_commits as c
  where c.repository_id = p_repository_id
    and c.extractor = p_extractor
    and c.stats -> 'files_indexed' = to_jsonb((
      select count(*) from public.indexed_files as f where f.repository_id = p_repository_id));
$$;

comment on function private.read_indexed_commit(uuid, text) is
  'Returns the stored commit of a repository, if that extractor made its rows.';

revoke all on function private.read_indexed_commit(uuid, text)
  from public, anon, authenticated, service_role;
grant execute on function private.read_indexed_commit(uuid, text) to job_writer;
