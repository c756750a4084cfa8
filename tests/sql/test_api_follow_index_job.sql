begin;
select plan(13);

select tests.arrange_cast();
select tests.arrange_job('job', 'processing', tests.alice_repository());
select tests.arrange_job('waits', 'pending', tests.alice_repository());
select tests.arrange_job('ended', 'completed', tests.alice_repository());
select tests.act_as_http();

create function pg_temp.follow(p_user_id uuid, p_after integer, p_is_first boolean)
returns private.api_answer
language sql
as $$
  select api_follow_index_job(
    null, jsonb_build_object('sub', p_user_id, 'role', 'authenticated'),
    tests.id('job')::text, p_after, p_is_first, false)
$$;

select results_eq(
  $$ select a.verdict, json_array_length(a.body::json -> 'events'), a.body::json -> 'job' ->> 'id',
       a.rate_remaining, a.job_version, a.user_id, a.job_age is not null
     from pg_temp.follow(tests.alice(), 0, true) as a $$,
  $$ values ('ok', 2, tests.id('job')::text, 99, 2::bigint, tests.alice(), true) $$,
  'the first call tells all events, for one request');
select results_eq(
  $$ select a.verdict, a.body::json -> 'events' -> 0 ->> 'to_status', a.rate_remaining
     from pg_temp.follow(tests.alice(), 1, false) as a $$,
  $$ values ('ok', 'processing', null::integer) $$, 'the next tells what came after, for none');
select is(
  (select json_array_length(a.body::json -> 'events')
   from pg_temp.follow(tests.alice(), 2, false) as a), 0, 'or nothing');
select is(
  (select a.body from pg_temp.follow(tests.alice(), null, false) as a),
  (select a.body from api_get_job_status(
     null, jsonb_build_object('sub', tests.alice(), 'role', 'authenticated'),
     tests.id('job')::text) as a),
  'without a number it is what a poll tells');
select is(
  (select a.rate_remaining from pg_temp.follow(tests.alice(), 0, true) as a), 97,
  'the calls between have counted nothing but the poll');
select results_eq(
  $$ select a.verdict, a.body, a.rate_remaining from pg_temp.follow(tests.bob(), 0, true) as a $$,
  $$ values ('PT404', null::text, 99) $$, 'another tenant gets no job, and the request counts');
select results_eq(
  $$ select a.verdict, a.body from pg_temp.follow(tests.bob(), 0, false) as a $$,
  $$ values ('PT404', null::text) $$, 'nor without a count');
select is(
  (select a.verdict from api_follow_index_job(
     'ij_0_0', null, tests.id('job')::text, 0, false, false) as a), 'PT401',
  'an unknown key is refused, though nothing is counted');
select is(
  (select a.verdict from api_follow_index_job(
     null, jsonb_build_object('sub', tests.alice(), 'role', 'authenticated'), 'x', 0, true, true) as a),
  'PT404', 'a malformed id is no job');
select is(
  (select a.body::json -> 'explain' ->> 'reason' from api_follow_index_job(
     null, jsonb_build_object('sub', tests.alice(), 'role', 'authenticated'),
     tests.id('waits')::text, 0, true, true) as a),
  'no_runner', 'it tells why a job waits');
select is(
  (select a.body::json ->> 'explain' from api_follow_index_job(
     null, jsonb_build_object('sub', tests.alice(), 'role', 'authenticated'),
     tests.id('waits')::text, 0, false, false) as a), null, 'when it is asked to');
select is(
  (select a.body::json -> 'explain' ->> 'reason' from api_follow_index_job(
     null, jsonb_build_object('sub', tests.alice(), 'role', 'authenticated'),
     tests.id('job')::text, 0, false, true) as a), 'working', 'and of one that runs');
select is(
  (select a.body::json ->> 'explain' from api_follow_index_job(
     null, jsonb_build_object('sub', tests.alice(), 'role', 'authenticated'),
     tests.id('ended')::text, 0, false, true) as a), null, 'not of one that has ended');

select * from finish();
rollback;
