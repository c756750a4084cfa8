-- record_admin_action(p_claims, p_action, p_job_id, p_reason, p_outcome) -> void
--
-- Records in the audit what support did or tried to do: p_outcome is ok, or the code of the
-- refusal.
--
-- Why definer: nobody else may write the audit.
-- Callers: job_gateway: the api_admin_ functions.

create or replace function private.record_admin_action(
  p_claims jsonb,
  p_action text,
  p_job_id uuid,
  p_reason text,
  p_outcome text
)
returns void
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
  insert into private.admin_audit (at, actor, action, job_id, reason, outcome)
  values (
    private.clock(), coalesce(p_claims ->> 'sub', 'service_role'), p_action, p_job_id, p_reason,
    p_outcome);
$$;

comment on function private.record_admin_action(jsonb, text, uuid, text, text) is
  'Records an action of support in the audit.';

alter function private.record_admin_action(jsonb, text, uuid, text, text) owner to job_writer;
revoke all on function private.record_admin_action(jsonb, text, uuid, text, text)
  from public, anon, authenticated, service_role;
grant execute on function private.record_admin_action(jsonb, text, uuid, text, text)
  to job_gateway;
