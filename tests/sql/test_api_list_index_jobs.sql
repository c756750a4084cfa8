begin;
select plan(6);

select tests.arrange_cast();
select tests.arrange_job('job', 'pending', tests.alice_repository());
select tests.act_as_http();

select results_eq(
  $$ select a.verdict, json_array_length(a.body::json -> 'jobs'), a.next_cursor, a.rate_remaining,
       a.job_age is not null
     from api_list_index_jobs(
       null, jsonb_build_object('sub', tests.alice(), 'role', 'authenticated')) as a $$,
  $$ values ('ok', 1, null::text, 99, true) $$, 'a page that is not full is the last');
select is(
  (select json_array_length(b.body::json -> 'jobs')
   from api_list_index_jobs(
     null, jsonb_build_object('sub', tests.alice(), 'role', 'authenticated'), p_limit => 1) as a
   cross join lateral api_list_index_jobs(
     null, jsonb_build_object('sub', tests.alice(), 'role', 'authenticated'),
     p_cursor => a.next_cursor) as b), 0, 'a full page has a cursor to the next');
select results_eq(
  $$ select a.verdict, a.code, a.field
     from api_list_index_jobs(
       null, jsonb_build_object('sub', tests.alice(), 'role', 'authenticated'), 'acme') as a $$,
  $$ values ('PT422', 'unknown_organization', 'organization') $$,
  'a foreign organization is unknown');
select results_eq(
  $$ select a.verdict, a.code, a.rate_remaining
     from api_list_index_jobs(
       null, jsonb_build_object('sub', tests.alice(), 'role', 'authenticated'),
       p_cursor => 'x') as a $$,
  $$ values ('PT422', 'invalid_cursor', 95) $$, 'a rejected request is counted');
select is(
  (select a.verdict from api_list_index_jobs('ij_0_0', null) as a), 'PT401',
  'an unknown key is rejected');

select results_eq(
  $$ select a.verdict, a.code, a.field
     from api_list_index_jobs(
       null, jsonb_build_object('sub', tests.alice(), 'role', 'authenticated'),
       p_since => '2026-01-01') as a $$,
  $$ values ('PT422', 'invalid_since', 'since') $$, 'a time without a zone is named');

select * from finish();
rollback;
