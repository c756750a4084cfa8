begin;
select plan(4);

select tests.arrange_cast();
select tests.arrange_job('job', 'pending', tests.alice_repository());
select tests.act_as_http();

select results_eq(
  $$ select a.verdict, a.body::json ->> 'reason', a.rate_remaining
     from api_explain_index_job(
       null, jsonb_build_object('sub', tests.alice(), 'role', 'authenticated'),
       tests.id('job')::text) as a $$,
  $$ values ('ok', 'no_runner', 99) $$, 'the owner gets the result for one request');
select results_eq(
  $$ select a.verdict, a.code, a.body, a.rate_remaining
     from api_explain_index_job(
       null, jsonb_build_object('sub', tests.bob(), 'role', 'authenticated'),
       tests.id('job')::text) as a $$,
  $$ values ('PT404', null::text, null::text, 99) $$,
  'another tenant gets no job, and the request is counted');
select is(
  (select a.verdict from api_explain_index_job('ij_0_0', null, tests.id('job')::text) as a), 'PT401',
  'an unknown key is rejected');
select is(
  (select a.verdict from api_explain_index_job(
     null, jsonb_build_object('sub', tests.alice(), 'role', 'authenticated'), 'x') as a), 'PT404',
  'a malformed id is not found');

select * from finish();
rollback;
