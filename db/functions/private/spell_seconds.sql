-- spell_seconds(p_seconds) -> text
--
-- A duration in words: seconds below two minutes, then minutes, then hours. Rounded up, so that a
-- remaining time is never 0.
--
-- Callers: job_writer: explain_any_job.

create or replace function private.spell_seconds(p_seconds double precision)
returns text
language sql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select case
    when p_seconds <= 120 then ceil(p_seconds) || ' s'
    when p_seconds <= 7200 then ceil(p_seconds / 60) || ' min'
    else ceil(p_seconds / 3600) || ' h'
  end;
$$;

comment on function private.spell_seconds(double precision) is 'Returns a duration in words.';

revoke all on function private.spell_seconds(double precision)
  from public, anon, authenticated, service_role;
grant execute on function private.spell_seconds(double precision) to job_writer;
