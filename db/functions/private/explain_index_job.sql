-- explain_index_job(p_job_id) -> table (reason, sentence, position, own_ahead, until, eta_p50,
--   eta_p90, eta_basis, eta_samples)
--
-- Why a job of the signed-in user, or of an organization of the user, is in its current state.
--
-- Why definer: it counts the jobs of all tenants. Identity comes from the claims only.
-- Raises:  PT404 when the job is missing or hidden.
-- Callers: authenticated: explain_index_job for users.

create or replace function private.explain_index_job(p_job_id uuid)
returns table (
  reason text, sentence text, "position" integer, own_ahead integer, until timestamptz,
  eta_p50 double precision, eta_p90 double precision, eta_basis text, eta_samples integer
)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id uuid := private.current_user_id();
begin
  perform
  from public.index_jobs as j
  where j.id = p_job_id
    and (j.owner_user_id = v_user_id
      or exists (
        select from public.organization_members as m
        where m.organization_id = j.organization_id and m.user_id = v_user_id));
  if not found then
    raise exception 'index job not found' using errcode = 'PT404';
  end if;
  return query select e.* from private.explain_any_job(p_job_id => p_job_id) as e;
end;
$$;

comment on function private.explain_index_job(uuid) is
  'Explains the current state of a job to the signed-in user.';

alter function private.explain_index_job(uuid) owner to job_writer;
revoke all on function private.explain_index_job(uuid)
  from public, anon, authenticated, service_role;
grant execute on function private.explain_index_job(uuid) to authenticated;
