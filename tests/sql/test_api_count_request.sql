begin;
select plan(5);

select tests.arrange_cast();
create temp table keys (api_key text);
grant select, insert on keys to public;
select tests.act_as(tests.alice());
insert into keys select k.api_key from create_api_key('k') as k;

select tests.act_as_http();
select results_eq(
  $$ select a.verdict, a.rate_remaining, a.body, a.job_id
     from api_count_request((select api_key from keys), null) as a $$,
  $$ values ('ok', 99, null::text, null::uuid) $$, 'a request is counted and returns nothing');
select is(
  (select a.verdict from api_count_request('ij_x_y', null) as a), 'PT401',
  'an invalid key is rejected');
select is(
  (select a.rate_remaining from api_count_request(null,
    jsonb_build_object('sub', tests.alice(), 'role', 'authenticated')) as a), 98,
  'claims count for the same user');
select tests.act_as(tests.alice());
select is(
  tests.refusal($$ select api_count_request(null, null) $$), '42501', 'users may not call it');
select tests.act_as_job_worker();
select is(
  tests.refusal($$ select api_count_request(null, null) $$), '42501', 'workers may not call it');

select * from finish();
rollback;
