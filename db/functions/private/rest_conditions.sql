-- rest_conditions(p_alias, p_filters) -> text
--
-- The WHERE condition for PostgREST's filters: p_filters is an array of [column, negated, operator,
-- value], where the value of `in` is an array. Names are quoted as identifiers, values as literals;
-- only the operators listed below are allowed.
--
-- Raises:  22023 for another operator.
-- Callers: job_tenant: api_call_function.

create or replace function private.rest_conditions(p_alias text, p_filters jsonb)
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
      raise exception 'the filter % is unknown', v_filter ->> 2 using errcode = '22023';
    end if;
    v_conditions := v_conditions || format(' and %s %I.%I %s',
      case when (v_filter ->> 1)::boolean then 'not' else '' end,
      p_alias, v_filter ->> 0, v_condition);
  end loop;
  return v_conditions;
end;
$$;

comment on function private.rest_conditions(text, jsonb) is
  'Returns the WHERE condition for PostgREST''s filters.';

revoke all on function private.rest_conditions(text, jsonb)
  from public, anon, authenticated, service_role;
grant execute on function private.rest_conditions(text, jsonb) to job_tenant;
