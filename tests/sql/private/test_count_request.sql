begin;
select plan(17);

create function pg_temp.count_of(p_user uuid, p_window timestamptz, p_limit integer)
returns integer language sql as $$
  select case a.verdict when 'ok' then p_limit - a.rate_remaining end
  from private.count_request(row(p_user, p_window, p_limit, 0)::private.api_caller) as a;
$$;

select is(pg_temp.count_of(tests.alice(), '2026-03-01 12:00+00', 2), 1, 'the first request is 1');
select is(pg_temp.count_of(tests.alice(), '2026-03-01 12:00+00', 2), 2, 'the next is 2');
select is(
  pg_temp.count_of(tests.alice(), '2026-03-01 12:00+00', 2), null,
  'a request over the limit is not counted');
select is(pg_temp.count_of(tests.bob(), '2026-03-01 12:00+00', 2), 1,
  'each user has a separate count');
select is(
  pg_temp.count_of(tests.alice(), '2026-03-01 12:00+00', 3), 3, 'a higher tier applies at once');
select is(pg_temp.count_of(tests.alice(), '2026-03-01 13:00+00', 2), 1, 'a new hour begins at 1');
select is(
  pg_temp.count_of(tests.alice(), '2026-03-01 12:00+00', 2), 2,
  'a late request of the old hour counts in the new one');
select results_eq(
  $$ select c.window_start, c.requests from private.rate_limit_counters as c
     where c.user_id = tests.alice() $$,
  $$ values (timestamptz '2026-03-01 13:00+00', 2) $$,
  'it does not move the hour backward');

select results_eq(
  $$ select a.verdict from unnest(array[
       row(null, '2026-03-01 13:00+00', null, null)::private.api_caller,
       row(tests.carol(), '2026-03-01 13:00+00', 2, 2)::private.api_caller]) as c
     cross join lateral private.count_request(c) as a $$,
  array['PT401', 'PT429'], 'unauthenticated callers and callers without quota are rejected');
select results_eq(
  $$ select a.verdict, a.code, a.rate_limit, a.rate_remaining, a.rate_reset
     from private.count_request(null) as a $$,
  $$ values ('PT401', 'AUTH_INVALID_KEY', null::integer, null::integer, null::bigint) $$,
  'an unauthenticated caller gets no quota information');
select results_eq(
  $$ select a.verdict, a.code, a.rate_remaining, a.hint is not null
     from private.count_request(
       row(tests.carol(), '2026-03-01 13:00+00', 2, 2)::private.api_caller) as a $$,
  $$ values ('PT429', 'RATE_LIMITED', 0, true) $$,
  'a request that cannot be counted is rejected with a remedy');
select is_empty(
  $$ select from private.rate_limit_counters as c where c.user_id is null
       or c.user_id = tests.carol() $$, 'nothing is written for it');
insert into private.rate_limit_counters (user_id, window_start, requests) values
  (tests.carol(), '2026-03-01 12:00+00', 39);
create function pg_temp.left_of(p_limit integer) returns text language sql as $$
  select concat_ws(' ', a.verdict, a.code, a.rate_limit, a.rate_remaining, a.rate_reset)
  from private.count_request(
    row(tests.carol(), '2026-03-01 12:00+00', p_limit, 0)::private.api_caller) as a;
$$;
select is(
  pg_temp.left_of(100), 'ok 100 60 ' || extract(epoch from timestamptz '2026-03-01 13:00+00')::bigint,
  'remaining is the limit minus the requests, until the hour ends');
select matches(pg_temp.left_of(41), '^ok 41 0 ', 'the last request leaves zero');
select matches(
  pg_temp.left_of(30), '^PT429 RATE_LIMITED 30 0 ',
  'a lowered limit leaves zero, never less');

select tests.set_clock('2026-03-01 09:30+00');
select is(
  pg_temp.count_of(tests.alice(), '2026-03-01 09:00+00', 2), 1,
  'a count of a future hour starts again');
select results_eq(
  $$ select c.window_start, c.requests from private.rate_limit_counters as c
     where c.user_id = tests.alice() $$,
  $$ values (timestamptz '2026-03-01 09:00+00', 1) $$, 'it starts again in the current hour');

select * from finish();
rollback;
