-- Names reach the statement as quoted identifiers, values as literals, whatever they contain.
begin;
select plan(12);
select tests.arrange_cast();

create type public."odd ""row" as ("a b" integer, "select" text);
create function public."odd ""call"("p odd" integer) returns setof public."odd ""row"
language sql stable
as $$ select n, nullif(n, 1)::text from generate_series(1, $1) as n $$;
create function public."odd ""value"() returns setof integer language sql stable
as $$ select generate_series(1, 3) $$;

create function pg_temp.ask(
  p_query jsonb, p_function text default 'odd "call', p_arguments text default '{"p odd": 2}')
returns jsonb
language sql
as $$
  select c.body::jsonb
  from public.api_call_function(
    p_claims => jsonb_build_object('sub', tests.alice(), 'role', 'authenticated'),
    p_function => p_function, p_arguments => p_arguments, p_read_only => true,
    p_query => p_query) as c;
$$;
create function pg_temp.complaint(p_query text, p_function text, p_arguments text) returns text
language plpgsql
as $$
begin
  return pg_temp.ask(p_query::jsonb, p_function, p_arguments);
exception when others then
  return sqlstate || ' ' || sqlerrm;
end;
$$;
select tests.act_as_http();

select is(
  pg_temp.ask('{}'), '[{"a b": 1, "select": null}, {"a b": 2, "select": "2"}]',
  'names of functions, arguments, types and columns may be unusual');
select is(
  pg_temp.ask('{"select": [["*"]]}'), pg_temp.ask('{}'), 'a star selects all columns');
select is(
  pg_temp.ask('{"select": [["*"]]}', 'odd "value', '{}'), '[1, 2, 3]', 'a star selects the value');
select is(
  pg_temp.ask('{"select": [["select", "x \"y"], ["a b"]]}'),
  '[{"x \"y": null, "a b": 1}, {"x \"y": "2", "a b": 2}]', 'names in the result may be unusual');
select is(
  pg_temp.ask('{"order": [["a b", true]], "filters": [["a b", false, "gte", "1"]]}'),
  '[{"a b": 2, "select": "2"}, {"a b": 1, "select": null}]', 'columns can be filtered and sorted');
select is(
  (select array_agg(pg_temp.ask(jsonb_build_object('order',
     jsonb_build_array(jsonb_build_array('select', d, n)))) -> 0 ->> 'a b' order by d, n)
   from unnest(array[true, false]) as d cross join unnest(array[true, false]) as n)::text,
  '{2,1,2,1}', 'nulls can be sorted first or last, in either order');
select is(
  pg_temp.ask('{"order": [["pgrst_scalar", true]], "limit": 2, "offset": 1,
    "filters": [["pgrst_scalar", false, "neq", "2"]]}', 'odd "value', '{}'),
  '[1]', 'a function of plain values can be filtered too');
select is(
  pg_temp.ask('{"object": true, "strip_nulls": true, "limit": 1}'), '{"a b": 1}',
  'one row can be returned as an object without nulls');

select is(
  (select array_agg(distinct left(pg_temp.complaint(q, 'odd "call', '{"p odd": 2}'), 5))
   from unnest(array[
     '{"select": [["a b\" as x, 1 --"]]}', '{"order": [["a b\" desc --", false]]}',
     '{"filters": [["a b\" = 1 or true --", false, "eq", "1"]]}']) as q)::text,
  '{42703}', 'a piece of SQL is treated as a column that does not exist');
select is(
  (select array_agg(distinct left(pg_temp.complaint(q, 'odd "call', '{"p odd": 2}'), 5))
   from unnest(array[
     '{"limit": "1'' + ''1"}', '{"offset": "0'' + ''1"}',
     '{"filters": [["a b", false, "eq", "1'' or ''1"]]}',
     '{"filters": [["a b", false, "in", ["1'' or ''1"]]]}']) as q)::text,
  '{22P02}', 'an invalid number is rejected');
select is(
  pg_temp.complaint('{"select": [["x"]]}', 'odd "call', '{"p odd": 2}'),
  '42703 column pgrst_call.x does not exist', 'errors name a row type as PostgREST does');
select is(
  pg_temp.complaint('{"select": [["x"]]}', 'odd "value', '{}'),
  '42703 column odd "value.x does not exist', 'errors name a plain value after its function');

select * from finish();
rollback;
