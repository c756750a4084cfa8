begin;
select plan(5);

create function pg_temp.answer_of(p_user uuid, p_limit integer, p_requests integer)
returns private.api_answer language sql as $$
  select private.answer(row(p_user, '2026-03-01 12:00+00', p_limit, 0)::private.api_caller,
    p_requests);
$$;

select results_eq(
  $$ select a.verdict, a.code, a.rate_limit, a.rate_remaining, a.rate_reset
     from pg_temp.answer_of(null, null, null) as a $$,
  $$ values ('PT401', 'AUTH_INVALID_KEY', null::integer, null::integer, null::bigint) $$,
  'an unknown caller hears nothing of quotas');
select results_eq(
  $$ select a.verdict, a.code, a.rate_limit, a.rate_remaining, to_timestamp(a.rate_reset)
     from pg_temp.answer_of(tests.alice(), 100, 40) as a $$,
  $$ values ('ok', null::text, 100, 60, timestamptz '2026-03-01 13:00+00') $$,
  'what remains is the limit less the requests so far, until the hour is over');
select is(
  (pg_temp.answer_of(tests.alice(), 100, 100)).rate_remaining, 0, 'the last request leaves none');
select is(
  (pg_temp.answer_of(tests.alice(), 50, 80)).rate_remaining, 0,
  'a limit that was lowered leaves none, not less than none');
select results_eq(
  $$ select a.verdict, a.code, a.rate_remaining, a.hint is not null
     from pg_temp.answer_of(tests.alice(), 100, null) as a $$,
  $$ values ('PT429', 'RATE_LIMITED', 0, true) $$,
  'a request that could not be counted is refused, with the remedy');

select * from finish();
rollback;
