-- api_schema_version() -> text
--
-- The number of the newest migration, which each migration leaves in the comment on the private
-- schema, whichever tool applied it.
--
-- Callers: job_http, service_role.

create or replace function public.api_schema_version()
returns text
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select substring(obj_description('private'::regnamespace, 'pg_namespace') from '[0-9]{14}');
$$;

comment on function public.api_schema_version() is
  'The number of the newest migration applied.';

revoke all on function public.api_schema_version()
  from public, anon, authenticated, service_role;
grant execute on function public.api_schema_version() to job_http, service_role;
