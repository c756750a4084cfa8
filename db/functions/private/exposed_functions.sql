-- exposed_functions(p_name) -> table (name, is_volatile, returns_set, returns_void, row_name,
--   argument_names, argument_types, required_arguments, is_granted)
--
-- The functions in public, or those of that name, as the catalogue has them. row_name is the type
-- of a row, record for a row without a type, null for a scalar; is_granted says whether a signed-in
-- user may execute it. Functions that cannot be called with named arguments are left out: triggers,
-- variadic functions and those with an unnamed argument.
--
-- Callers: job_tenant: api_call_function.

create or replace function private.exposed_functions(p_name text default null)
returns table (
  name text, is_volatile boolean, returns_set boolean, returns_void boolean, row_name text,
  argument_names text[], argument_types text[], required_arguments text[], is_granted boolean
)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select
    p.proname,
    p.provolatile = 'v',
    p.proretset,
    p.prorettype = 'void'::regtype,
    case
      when p.proargmodes && '{o,b,t}' or p.prorettype = 'record'::regtype then 'record'
      when t.typtype = 'c' then t.typname
    end,
    a.names,
    a.types,
    a.names[:p.pronargs - p.pronargdefaults],
    has_function_privilege('authenticated', p.oid, 'execute')
  from pg_proc as p
  join pg_type as t on t.oid = p.prorettype
  cross join lateral (
    select
      coalesce(array_agg(coalesce(u.name, '') order by u.place), '{}'),
      coalesce(array_agg(format_type(u.type, null) order by u.place), '{}')
    from unnest(coalesce(p.proallargtypes, p.proargtypes::oid[]), p.proargmodes, p.proargnames)
      with ordinality as u (type, mode, name, place)
    where coalesce(u.mode, 'i') in ('i', 'b')) as a (names, types)
  where p.pronamespace = 'public'::regnamespace
    and (p_name is null or p.proname = p_name::name and p.proname::text = p_name)
    and p.prokind = 'f'
    and p.provariadic = 0
    and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)
    and '' <> all (a.names);
$$;

comment on function private.exposed_functions(text) is
  'Lists the functions of the schema public from the catalogue.';

revoke all on function private.exposed_functions(text)
  from public, anon, authenticated, service_role;
grant execute on function private.exposed_functions(text) to job_tenant;
