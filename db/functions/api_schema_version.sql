-- api_schema_version() -> (version, serves, is_writable)
--
-- The newest migration that is applied, the oldest code that this schema still supports, and
-- whether a session can write. Each migration stores the first two in the comment on the private
-- schema. Volatile, because PostgREST runs all other functions read-only.
--
-- Callers: job_http, service_role.

create or replace function public.api_schema_version()
returns table (version text, serves text, is_writable boolean)
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select
    substring(c.comment from 'schema version ([0-9]{14})'),
    substring(c.comment from 'serves ([0-9]{14})'),
    not pg_is_in_recovery()
      and current_setting('transaction_read_only') = 'off'
      and current_setting('default_transaction_read_only') = 'off'
  from (select obj_description('private'::regnamespace, 'pg_namespace')) as c (comment);
$$;

comment on function public.api_schema_version() is
  'The newest migration applied, the oldest code it supports, and whether a session can write.';

revoke all on function public.api_schema_version() from public, anon, authenticated, service_role;
grant execute on function public.api_schema_version() to job_http, service_role;
