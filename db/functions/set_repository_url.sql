-- set_repository_url(p_repository_id, p_git_url) -> setof repositories
--
-- Corrects where a repository is cloned from after it has moved. Its jobs and stored rows stay. The
-- next job clones from the new address, and indexes everything again unless only the spelling has
-- changed; a job that has already started continues with the old address.
--
-- Raises:  PT404 when the repository is missing or hidden; PT403 not_allowed for a member of the
--          organization who is neither owner nor admin; PT422 invalid_git_url.
-- Callers: authenticated.

create or replace function public.set_repository_url(p_repository_id uuid, p_git_url text)
returns setof public.repositories
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  perform private.set_repository_url(p_repository_id => p_repository_id, p_git_url => p_git_url);
  return query select r.* from public.repositories as r where r.id = p_repository_id;
end;
$$;

comment on function public.set_repository_url(uuid, text) is
  'Corrects where a repository is cloned from.';

revoke all on function public.set_repository_url(uuid, text)
  from public, anon, authenticated, service_role;
grant execute on function public.set_repository_url(uuid, text) to authenticated;
