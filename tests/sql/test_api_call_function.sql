begin;
select plan(14);
select tests.arrange_cast();
create temp table fixture as select tests.job_for(tests.alice_repository()) as job_id;
grant select on fixture to public;

create function public.newcomer(p_n integer default 2) returns setof integer language sql volatile
  as $$ select generate_series(1, p_n) $$;
revoke all on function public.newcomer(integer) from public, anon, authenticated, service_role;

create function pg_temp.ask(
  p_function text, p_arguments text, p_query jsonb default '{}',
  p_user uuid default tests.alice(), p_read_only boolean default false)
returns table (body text, row_count bigint, total bigint, is_void boolean)
language sql
as $$
  select c.body, c.row_count, c.total, c.is_void
  from public.api_call_function(
    p_claims => jsonb_build_object('sub', p_user, 'role', 'authenticated'),
    p_function => p_function, p_arguments => p_arguments,
    p_read_only => p_read_only, p_query => p_query) as c;
$$;

select throws_ok(
  $$ select pg_temp.ask('newcomer', '{}') $$,
  '42501', null, 'functions that users may not execute are rejected');
grant execute on function public.newcomer(integer) to authenticated;

select tests.act_as_http();
select results_eq(
  $$ select body::jsonb, row_count, total, is_void from pg_temp.ask('newcomer', '{}') $$,
  $$ values ('[1, 2]'::jsonb, 2::bigint, null::bigint, false) $$,
  'functions that users may execute are called');
select results_eq(
  $$ select body::jsonb, row_count, total from pg_temp.ask(
       'newcomer', '{"p_n": 5}', '{"limit": 2, "offset": 1, "count": true}') $$,
  $$ values ('[2, 3]'::jsonb, 2::bigint, 5::bigint) $$,
  'a page includes the total number of rows');
select throws_ok(
  format($$ select pg_temp.ask('get_job_status', %L, '{}', tests.bob()) $$,
    (select json_build_object('p_job_id', job_id) from fixture)),
  'PT404', null, 'another tenant''s job is not found');
select throws_ok(
  $$ select c.body from public.api_call_function(
       p_claims => null, p_function => 'newcomer', p_arguments => '{}', p_read_only => false,
       p_query => '{}') as c $$,
  '42501', null, 'a caller without claims may execute nothing');
select throws_ok(
  $$ select c.body from public.api_call_function(
       p_claims => '{"role": "service_role"}', p_function => 'newcomer', p_arguments => '{}',
       p_read_only => false, p_query => '{}') as c $$,
  '42501', null, 'the service is not a user');
select throws_ok(
  $$ select pg_temp.ask('claim_index_job', '{"p_worker_id": "w"}') $$,
  '42501', null, 'functions of workers are rejected');
select throws_ok(
  $$ select pg_temp.ask('api_schema_version', '{}') $$,
  '42501', null, 'functions of the HTTP layer are rejected');
select throws_ok(
  $$ select pg_temp.ask('newcomer', '{"p_m": 1}') $$,
  'PGRST', null, 'an unknown argument matches no function');
select throws_ok(
  $$ select pg_temp.ask('newcomer', '{"p_n": 2}', '{"object": true}') $$,
  'PGRST', null, 'two rows are not a single object');
select throws_ok(
  $$ select pg_temp.ask('newcomer', '{}', '{"filters": [["pgrst_scalar", false, "or true", ""]]}') $$,
  '22023', null, 'unknown operators are rejected');
select throws_ok(
  $$ select pg_temp.ask('create_index_job', format('{"p_repository_id": "%s"}',
       tests.alice_repository()), '{}', tests.alice(), true) $$,
  '25006', null, 'a read cannot write');

select is(
  (select (body::jsonb -> 0 ->> 'id')::uuid from pg_temp.ask(
    'get_job_status', (select json_build_object('p_job_id', job_id)::text from fixture))),
  (select job_id from fixture),
  'a user reads their own job');

select tests.act_as(tests.alice());
select throws_ok(
  $$ select pg_temp.ask('newcomer', '{}') $$,
  '42501', null, 'users cannot call it and so cannot choose the claims');
select * from finish();
rollback;
