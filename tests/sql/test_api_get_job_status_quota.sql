begin;
select plan(9);

select tests.set_clock('2026-03-01 12:59:59+00');
select tests.arrange_cast();
select tests.arrange_job('job');
insert into private.accounts (user_id, tier) values (tests.bob(), 'solo'), (tests.carol(), 'team');
create temp table keys (name text, api_key text);
grant select, insert on keys to public;
select tests.act_as(tests.alice());
insert into keys select 'first', k.api_key from create_api_key('first') as k;
insert into keys select 'second', k.api_key from create_api_key('second') as k;

select tests.act_as_http();
create temp table answers as
select n, a.verdict, a.rate_remaining
from generate_series(1, 100) as n
cross join lateral api_get_job_status(
  (select api_key from keys where name = 'first' and n > 0), null, tests.id('job')::text) as a;
select is_empty(
  $$ select a.n from answers as a where (a.verdict, a.rate_remaining) <> ('ok', 100 - a.n) $$,
  'a free user has 100 requests an hour, counted one by one');
select results_eq(
  $$ select a.verdict, a.code, a.body, a.job_id, a.rate_limit, a.rate_remaining,
       to_timestamp(a.rate_reset)
     from api_get_job_status((select api_key from keys where name = 'first'), null,
       tests.id('job')::text) as a $$,
  $$ values ('PT429', 'RATE_LIMITED', null::text, null::uuid, 100, 0,
       timestamptz '2026-03-01 13:00+00') $$,
  'the next request is rejected until the hour ends');
select is(
  (select a.verdict from api_get_job_status(
    (select api_key from keys where name = 'second'), null, tests.id('job')::text) as a),
  'PT429', 'a second key does not double the quota');
select is(
  (select a.verdict from api_get_job_status(null,
    jsonb_build_object('sub', tests.alice(), 'role', 'authenticated'), tests.id('job')::text) as a),
  'PT429', 'claims do not double the quota');
select is(
  (select a.rate_limit || ' ' || a.rate_remaining from api_get_job_status(null,
    jsonb_build_object('sub', tests.bob(), 'role', 'authenticated'), 'x') as a),
  '1000 999', 'a solo user has 1,000 requests, independent of others');
select is(
  (select a.rate_limit || ' ' || a.rate_remaining from api_get_job_status(null,
    jsonb_build_object('sub', tests.carol(), 'role', 'authenticated'), 'x') as a),
  '10000 9999', 'a team user has 10,000 requests');
select tests.act_as_admin();
select is(
  (select c.requests from private.rate_limit_counters as c where c.user_id = tests.alice()), 100,
  'a rejected request is not counted');

select tests.advance_clock('1 second');
select tests.act_as_http();
select results_eq(
  $$ select a.verdict, a.rate_remaining, to_timestamp(a.rate_reset)
     from api_get_job_status((select api_key from keys where name = 'first'), null,
       tests.id('job')::text) as a $$,
  $$ values ('ok', 99, timestamptz '2026-03-01 14:00+00') $$,
  'the quota is full again in the next clock hour');
select tests.act_as_admin();
select is(
  (select count(*)::integer from private.rate_limit_counters as c
   where c.user_id = tests.alice()),
  1, 'a user has one counter row, which is reset in place');

select * from finish();
rollback;
