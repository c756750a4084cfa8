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
  'the first call returns all events for one request');
select results_eq(
  $$ select a.verdict, a.body::json -> 'events' -> 0 ->> 'to_status', a.rate_remaining
     from pg_temp.follow(tests.alice(), 1, false) as a $$,
  $$ values ('ok', 'processing', null::integer) $$,
  'the next call returns newer events at no cost');
select is(
  (select json_array_length(a.body::json -> 'events')
   from pg_temp.follow(tests.alice(), 2, false) as a), 0, 'without newer events it returns none');
select is(
  (select a.body from pg_temp.follow(tests.alice(), null, false) as a),
  (select a.body from api_get_job_status(
     null, jsonb_build_object('sub', tests.alice(), 'role', 'authenticated'),
     tests.id('job')::text) as a),
  'without an event number it returns the result of a poll');
select is(
  (select a.rate_remaining from pg_temp.follow(tests.alice(), 0, true) as a), 97,
  'only the poll has been counted since');
select results_eq(
  $$ select a.verdict, a.body, a.rate_remaining from pg_temp.follow(tests.bob(), 0, true) as a $$,
  $$ values ('PT404', null::text, 99) $$, 'another tenant gets no job, and the request is counted');
select results_eq(
  $$ select a.verdict, a.body from pg_temp.follow(tests.bob(), 0, false) as a $$,
  $$ values ('PT404', null::text) $$, 'the same holds for calls that are not counted');
select is(
  (select a.verdict from api_follow_index_job(
     'ij_0_0', null, tests.id('job')::text, 0, false, false) as a), 'PT401',
  'an unknown key is rejected even when nothing is counted');
select is(
  (select a.verdict from api_follow_index_job(
     null, jsonb_build_object('sub', tests.alice(), 'role', 'authenticated'), 'x', 0, true, true) as a),
  'PT404', 'a malformed id is not found');
select is(
  (select a.body::json -> 'explain' ->> 'reason' from api_follow_index_job(
     null, jsonb_build_object('sub', tests.alice(), 'role', 'authenticated'),
     tests.id('waits')::text, 0, true, true) as a),
  'no_runner', 'the result explains why a job waits');
select is(
  (select a.body::json ->> 'explain' from api_follow_index_job(
     null, jsonb_build_object('sub', tests.alice(), 'role', 'authenticated'),
     tests.id('waits')::text, 0, false, false) as a), null,
     'the explanation is included only on request');
select is(
  (select a.body::json -> 'explain' ->> 'reason' from api_follow_index_job(
     null, jsonb_build_object('sub', tests.alice(), 'role', 'authenticated'),
     tests.id('job')::text, 0, false, true) as a), 'working', 'the result explains a running job');
select is(
  (select a.body::json ->> 'explain' from api_follow_index_job(
     null, jsonb_build_object('sub', tests.alice(), 'role', 'authenticated'),
     tests.id('ended')::text, 0, false, true) as a), null, 'a finished job has no explanation');

select * from finish();
rollback;
