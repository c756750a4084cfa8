begin;
select plan(4);
select tests.arrange_cast();

create function public.twice(p_n integer) returns integer language sql stable
  as $$ select 1 $$;
create function public.twice(p_n text) returns integer language sql stable
  as $$ select 2 $$;
create function public.twice(p_n integer, p_m integer) returns integer language sql stable
  as $$ select 3 $$;

create function pg_temp.ask(p_function text, p_arguments text) returns text
language plpgsql
as $$
declare
  v_detail text;
begin
  return (
    select c.body
    from public.api_call_function(
      p_claims => jsonb_build_object('sub', tests.alice(), 'role', 'authenticated'),
      p_function => p_function, p_arguments => p_arguments, p_read_only => true,
      p_query => '{}') as c);
exception when sqlstate 'PGRST' then
  get stacked diagnostics v_detail = pg_exception_detail;
  return concat(v_detail::json ->> 'status', ' ', sqlerrm::json ->> 'code');
end;
$$;
select tests.act_as_http();

select is(
  pg_temp.ask('twice', '{"p_n": 1}'), '300 PGRST203',
  'two equally matching functions are ambiguous');
select is(pg_temp.ask('twice', '{"p_n": 1, "p_m": 1}'), '3',
  'a function that matches alone is chosen');
select is(pg_temp.ask('twice', '{"p_m": 1}'), '404 PGRST202', 'a missing argument matches none');
select is(
  pg_temp.ask('twice', '{"p_n": 1, "p_m": 1, "p_x": 1}'), '404 PGRST202',
  'an extra argument matches none');

select * from finish();
rollback;
