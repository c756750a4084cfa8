-- stored_commit(p_repository_id) -> indexed_commits
--
-- What is currently stored for a repository: its job and its commit.
--
-- Raises:  PT404 when the repository does not exist or RLS hides it; PT409 not_completed when no
--          index of it was stored yet.
-- Callers: authenticated, service_role: list_indexed_files, list_skipped_files, find_symbols.

create or replace function private.stored_commit(p_repository_id uuid)
returns public.indexed_commits
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_commit public.indexed_commits;
begin
  select c.* into v_commit
  from public.indexed_commits as c
  where c.repository_id = p_repository_id;
  if found then
    return v_commit;
  end if;
  perform from public.repositories as r where r.id = p_repository_id;
  if found then
    raise exception 'no index of the repository is stored yet'
      using errcode = 'PT409', detail = 'not_completed',
        hint = 'Wait until a job of the repository is completed.';
  end if;
  raise exception 'repository not found' using errcode = 'PT404';
end;
$$;

comment on function private.stored_commit(uuid) is
  'Returns what is currently stored for a repository.';

revoke all on function private.stored_commit(uuid) from public, anon, authenticated, service_role;
grant execute on function private.stored_commit(uuid) to authenticated, service_role;
