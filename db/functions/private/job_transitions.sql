-- job_transitions() -> table (from_status, to_status)
--
-- The transition rule, defined only here: every move that a job may make. All other moves are
-- refused. No move leads backward, and none leaves a final status.
--
-- Callers: job_writer.

create or replace function private.job_transitions()
returns table (from_status public.job_status, to_status public.job_status)
language sql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  values
    ('pending'::public.job_status, 'processing'::public.job_status),
    ('pending', 'failed'),
    ('pending', 'cancelled'),
    ('processing', 'completed'),
    ('processing', 'failed'),
    ('processing', 'cancelled');
$$;

comment on function private.job_transitions() is
  'Every move from one status to another that a job may make.';

revoke all on function private.job_transitions() from public, anon, authenticated, service_role;
grant execute on function private.job_transitions() to job_writer;
