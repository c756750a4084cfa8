-- api_call_function(p_claims, p_function, p_arguments, p_read_only, p_query)
--   -> table (body, row_count, total, is_void)
--
-- /rest/v1/rpc/{function}: calls any function in public that authenticated may execute, by name and
-- with named arguments (a JSON object), and returns the answer as JSON text. A function that is not
-- volatile runs in a read-only transaction, and so does any function if p_read_only is true.
-- p_query has filters, order, select, limit and offset as api/rest.py reads them, count (whether
-- total is wanted), object (one row, without the array) and strip_nulls. Names reach the statement
-- as quoted identifiers, everything else as literals. The search_path of the call is public, as in
-- PostgREST, because functions and messages depend on it.
--
-- Why definer: it acts under claims that the HTTP layer has verified. It runs as job_tenant, which
-- has the rights of authenticated and no other: RLS and grants hold it like any user.
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
