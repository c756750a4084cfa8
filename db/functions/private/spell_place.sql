-- spell_place(p_ahead, p_own, p_is_exact) -> text
--
-- How many jobs come first, in words, without the end of the sentence. p_ahead and p_own are
-- counted up to 1,001, as in count_claims_before.
--
-- Callers: job_writer: explain_any_job.

create or replace function private.spell_place(p_ahead integer, p_own integer, p_is_exact boolean)
returns text
language sql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select case
      when p_ahead > 1000 and p_is_exact then 'more than 1,000 jobs come first'
      when p_ahead > 1000 then 'more than 1,000 jobs may come first'
      else case when p_is_exact then '' else 'at most ' end
        || p_ahead || case when p_ahead = 1 then ' job comes' else ' jobs come' end || ' first'
    end
    || case
      when p_own = 0 then ''
      when p_own > 1000 then ', more than 1,000 of them yours'
      when p_own = p_ahead and p_own = 1 then ', yours'
      when p_own = p_ahead then ', all of them yours'
      else format(', %s of them yours', p_own)
    end;
$$;

comment on function private.spell_place(integer, integer, boolean) is
  'How many jobs come first, in words.';

revoke all on function private.spell_place(integer, integer, boolean)
  from public, anon, authenticated, service_role;
grant execute on function private.spell_place(integer, integer, boolean) to job_writer;
