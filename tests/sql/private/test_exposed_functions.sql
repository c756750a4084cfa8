begin;
select plan(7);

create function public.newcomer(p_a integer, p_b text default 'b')
returns table (x integer, y text) language sql stable
  as $$ select p_a, p_b $$;
create function public.newcomer_void() returns void language sql volatile as '';
create function public.newcomer_rows() returns setof public.index_jobs language sql stable
  as $$ select j.* from public.index_jobs as j $$;
create function public.newcomer_unnamed(integer) returns integer language sql stable
  as $$ select $1 $$;
create function public.newcomer_variadic(variadic p_a integer[]) returns integer language sql stable
  as $$ select 1 $$;
create function public.newcomer_trigger() returns trigger language plpgsql volatile
  as $$ begin return null; end $$;
create aggregate public.newcomer_sum(p_a integer) (sfunc = int4pl, stype = integer);
create function public.nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn()
returns integer language sql stable as 'select 1';
revoke all on all functions in schema public from public, anon, authenticated;

select results_eq(
  $$ select f.argument_names, f.argument_types, f.required_arguments, f.row_name, f.returns_set
     from private.exposed_functions('newcomer') as f $$,
  $$ values ('{p_a,p_b}'::text[], '{integer,text}'::text[], '{p_a}'::text[], 'record', true) $$,
  'arguments are inputs, columns are outputs');
select results_eq(
  $$ select f.returns_void, f.is_volatile, f.returns_set, f.row_name, f.argument_names
     from private.exposed_functions('newcomer_void') as f $$,
  $$ values (true, true, false, null, '{}'::text[]) $$,
  'void is distinguished from a value');
select is(
  (select f.row_name from private.exposed_functions('newcomer_rows') as f), 'index_jobs',
  'a row type has the name of its table');
select is_empty(
  $$ select f.name from private.exposed_functions() as f
     where f.name in ('newcomer_unnamed', 'newcomer_variadic', 'newcomer_trigger', 'newcomer_sum') $$,
  'functions that cannot be called by named arguments are omitted');
select ok(
  not (select f.is_granted from private.exposed_functions('newcomer') as f),
  'without a grant users may not execute it');
grant execute on function public.newcomer(integer, text) to authenticated;
select ok(
  (select f.is_granted from private.exposed_functions('newcomer') as f),
  'with a grant users may execute it');
select is_empty(
  $$ select f.name from private.exposed_functions(repeat('n', 64)) as f $$,
  'a name that is too long finds no function');

select * from finish();
rollback;
