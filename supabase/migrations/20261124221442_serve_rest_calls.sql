-- serve_rest_calls
-- depends: 20261124043324_functions_and_policies

do $$
begin
  if not exists (select 1 from pg_catalog.pg_roles as r where r.rolname = 'job_tenant') then
    begin
      create role job_tenant nologin nobypassrls;
    exception when duplicate_object or unique_violation then
      null;  -- another database of this cluster made it at the same moment
    end;
  end if;
end;
$$;

grant authenticated to job_tenant;

-- begin stamped part (python -m db.stamp again rewrites it)
grant job_writer, job_gateway, job_tenant to current_user;
grant create on schema public, private to job_writer, job_gateway, job_tenant;

-- stamp: db/functions/private/exposed_functions.sql
-- exposed_functions(p_name) -> table (name, is_volatile, returns_set, returns_void, row_name,
--   argument_names, argument_types, required_arguments, is_granted)
--
-- What the catalogue says of the functions in public, or of those of that name. row_name is the type
-- of a row, record for a row without a type, null for a scalar; is_granted says whether a signed-in
-- user may execute it. Left out are those that cannot be called by named arguments: triggers,
-- variadic functions and those with an argument without a name.
--
-- Callers: api_call_function, as job_tenant.

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
  'Lists the functions of the schema public as the catalogue has them.';

revoke all on function private.exposed_functions(text)
  from public, anon, authenticated, service_role;
grant execute on function private.exposed_functions(text) to job_tenant;
-- end stamp

-- stamp: db/functions/private/rest_conditions.sql
-- rest_conditions(p_alias, p_filters) -> text
--
-- The WHERE condition of PostgREST's filters: p_filters is an array of [column, negated, operator,
-- value], the value of `in` an array. Names are quoted as identifiers, values as literals; operators
-- are those of the list below and no other.
--
-- Raises:  22023 for another operator.
-- Callers: api_call_function, as job_tenant.

create or replace function private.rest_conditions(
  p_alias text,
  p_filters jsonb
)
returns text
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_filter jsonb;
  v_operator text;
  v_condition text;
  v_conditions text := 'true';
begin
  for v_filter in select f.value from jsonb_array_elements(p_filters) as f loop
    v_operator := case v_filter ->> 2
      when 'eq' then '='
      when 'neq' then '<>'
      when 'gt' then '>'
      when 'gte' then '>='
      when 'lt' then '<'
      when 'lte' then '<='
      when 'like' then 'like'
      when 'ilike' then 'ilike'
      when 'match' then '~'
      when 'imatch' then '~*'
      when 'cs' then '@>'
      when 'cd' then '<@'
      when 'ov' then '&&'
    end;
    v_condition := case
      when v_filter ->> 2 = 'in' then format('= any (%L)',
        array(select i.value from jsonb_array_elements_text(v_filter -> 3) as i))
      when v_filter ->> 2 = 'is' and v_filter ->> 3 in ('null', 'true', 'false', 'unknown')
        then 'is ' || (v_filter ->> 3)
      when v_operator is not null then format('%s %L', v_operator, v_filter ->> 3)
    end;
    if v_condition is null then
      raise exception 'the filter % is not known', v_filter ->> 2 using errcode = '22023';
    end if;
    v_conditions := v_conditions || format(' and %s %I.%I %s',
      case when (v_filter ->> 1)::boolean then 'not' else '' end,
      p_alias, v_filter ->> 0, v_condition);
  end loop;
  return v_conditions;
end;
$$;

comment on function private.rest_conditions(text, jsonb) is
  'The WHERE condition of PostgREST''s filters.';

revoke all on function private.rest_conditions(text, jsonb)
  from public, anon, authenticated, service_role;
grant execute on function private.rest_conditions(text, jsonb) to job_tenant;
-- end stamp

-- stamp: db/functions/api_call_function.sql
-- api_call_function(p_claims, p_function, p_arguments, p_read_only, p_query)
--   -> table (body, row_count, total, is_void)
--
-- /rest/v1/rpc/{function}: any function in public that authenticated may execute, by name and named
-- arguments (a JSON object), with the answer as JSON text. A function that is not volatile, or any
-- when p_read_only, runs in a read-only transaction. p_query has filters, order, select, limit and
-- offset as api/rest.py reads them, count (whether total is wanted), object (one row, without the
-- array) and strip_nulls. Names reach the statement as quoted identifiers, all else as literals. The
-- search_path of the call is public, as PostgREST has it: functions and messages depend on it.
--
-- Why definer: it takes on claims that the HTTP layer has verified. It runs as job_tenant, which has
-- the rights of authenticated and no other: RLS and grants hold it like any user.
-- Raises:  PGRST, as PostgREST reads it, for PGRST116, PGRST202, PGRST203; 42501 for a function
--          that the caller may not execute; what the function raises.
-- Callers: job_http.

create or replace function public.api_call_function(
  p_claims jsonb,
  p_function text,
  p_arguments text,
  p_read_only boolean,
  p_query jsonb
)
returns table (body text, row_count bigint, total bigint, is_void boolean)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
  v_arguments json := p_arguments;
  v_names text[] := array(
    select distinct k.name from json_object_keys(v_arguments) as k (name) order by k.name);
  v_function record;
  v_alias text;
  v_row text;
  v_call text;
  v_columns text;
  v_order text;
  v_body text;
begin
  select f.name, f.is_volatile, f.returns_set, f.returns_void, f.row_name, f.argument_names,
    f.argument_types, f.is_granted, count(*) over () as candidates
  into v_function
  from private.exposed_functions(p_function) as f
  where v_names @> f.required_arguments and v_names <@ f.argument_names;
  if not found then
    raise exception using errcode = 'PGRST', message = json_build_object(
      'code', 'PGRST202', 'message', p_function, 'names', v_names, 'known', (
        select json_object_agg(f.name, f.argument_names)
        from private.exposed_functions() as f where f.is_granted)),
      detail = '{"status": 404, "headers": {}}';
  end if;
  if v_function.candidates > 1 then
    raise exception using errcode = 'PGRST', message = json_build_object(
      'code', 'PGRST203',
      'message', 'Could not choose the best candidate function of the name ' || p_function,
      'hint', 'Rename all but one of the functions of that name.'),
      detail = '{"status": 300, "headers": {}}';
  end if;
  if p_claims ->> 'role' is distinct from 'authenticated' or not v_function.is_granted then
    raise exception 'permission denied for function %', p_function using errcode = '42501';
  end if;

  perform set_config('request.jwt.claims', p_claims::text, true);
  if p_read_only or not v_function.is_volatile then
    perform set_config('transaction_read_only', 'on', true);
  end if;

  v_alias := coalesce(v_function.row_name, v_function.name);
  v_row := case when v_function.row_name is null then v_function.name else 'pgrst_call' end;
  select
    coalesce('json_to_record($1) as pgrst_arguments ('
      || string_agg(format('%I %s', a.name, a.type), ', ') || '), ', '')
    || format('lateral public.%I(', v_function.name)
    || coalesce(string_agg(format('%1$I => pgrst_arguments.%1$I', a.name), ', '), '')
    || case when v_function.row_name is null
      then ') as pgrst_result (pgrst_scalar)' else ') as pgrst_result' end
  into v_call
  from unnest(v_function.argument_names, v_function.argument_types) as a (name, type)
  where a.name = any (v_names);

  select coalesce(string_agg(
    case when c.value ->> 0 = '*' then format('%I.*', v_row)
      else format('%I.%I as %I', v_row, c.value ->> 0, coalesce(c.value ->> 1, c.value ->> 0)) end,
    ', '), format('%I.*', v_row))
  into v_columns
  from jsonb_array_elements(p_query -> 'select') as c;

  select coalesce('order by ' || string_agg(
    format('%I.%I', v_alias, o.value ->> 0)
      || case when (o.value ->> 1)::boolean then ' desc' else '' end
      || case (o.value ->> 2)::boolean
        when true then ' nulls first' when false then ' nulls last' else '' end,
    ', '), '')
  into v_order
  from jsonb_array_elements(p_query -> 'order') as o;

  v_body := case when v_function.row_name is null
    then 'json_agg(pgrst_page.pgrst_scalar)' else 'json_agg(pgrst_page)' end;
  if (p_query ->> 'strip_nulls')::boolean then
    v_body := format('json_strip_nulls(%s)', v_body);
  end if;
  if (p_query ->> 'object')::boolean or not v_function.returns_set then
    v_body := format('coalesce((%s -> 0)::text, %L)', v_body, 'null');
  else
    v_body := format('coalesce(%s::text, %L)', v_body, '[]');
  end if;

  perform set_config('search_path', 'public, pg_temp', true);
  execute concat(
    'with pgrst_source as materialized (select pgrst_result.* from ', v_call, '),',
    format('pgrst_chosen as (select %1$I.* from pgrst_source as %1$I where ', v_alias),
    private.rest_conditions(v_alias, p_query -> 'filters'), '),',
    'pgrst_page as (select ', v_columns, ' from (',
    format('select %1$I.* from pgrst_chosen as %1$I ', v_alias), v_order,
    format(' limit %L offset %L) as %I)', p_query ->> 'limit', p_query ->> 'offset', v_row),
    'select ', v_body, case when v_function.returns_set then ', count(*), ' else ', 1, ' end,
    case when (p_query ->> 'count')::boolean
      then '(select count(*) from pgrst_chosen)' else 'null::bigint' end,
    ' from pgrst_page')
  into body, row_count, total
  using v_arguments;

  if (p_query ->> 'object')::boolean and row_count <> 1 then
    raise exception using errcode = 'PGRST', message = json_build_object(
      'code', 'PGRST116', 'message', 'JSON object requested, multiple (or no) rows returned',
      'details', format('The result contains %s rows', row_count)),
      detail = '{"status": 406, "headers": {}}';
  end if;
  is_void := v_function.returns_void;
  return next;
end;
$$;

comment on function public.api_call_function(jsonb, text, text, boolean, jsonb) is
  'Answers /rest/v1/rpc/{function}.';

alter function public.api_call_function(jsonb, text, text, boolean, jsonb) owner to job_tenant;
revoke all on function public.api_call_function(jsonb, text, text, boolean, jsonb)
  from public, anon, authenticated, service_role;
grant execute on function public.api_call_function(jsonb, text, text, boolean, jsonb) to job_http;
-- end stamp

revoke create on schema public, private from job_writer, job_gateway, job_tenant;
revoke job_writer, job_gateway, job_tenant from current_user;
-- end stamped part

notify pgrst, 'reload schema';
comment on schema private is 'schema version 20261124221442';
