-- The shortcut serves the usual caller without begin_request and count_request. All other calls
-- use these functions.
begin;
select plan(11);

set local track_functions = 'pl';
select tests.set_clock('2026-03-01 12:30+00');
select tests.arrange_cast();
insert into private.accounts (user_id, tier) values (tests.bob(), 'solo');
create temp table keys (name text, api_key text);
grant select, insert on keys to public;
select tests.act_as(tests.alice());
insert into keys select 'alice', k.api_key from create_api_key('k', '2026-03-01 13:20+00') as k;
select tests.act_as(tests.bob());
insert into keys select 'bob', k.api_key from create_api_key('k') as k;

create function pg_temp.calls() returns table (name text, calls bigint)
language sql
as $$
  select f.funcname, f.calls from pg_stat_xact_user_functions as f
  where f.funcname in ('begin_request', 'count_request');
$$;
create function pg_temp.way(p_name text) returns text
language plpgsql
as $$
declare
  v_before text[] := array(select c::text from pg_temp.calls() as c);
  v_verdict text;
begin
  select a.verdict into v_verdict from public.api_get_job_status(
    (select k.api_key from pg_temp.keys as k where k.name = p_name), null, 'x') as a;
  return concat_ws(' ', v_verdict, (
    select string_agg(c.name, ' ' order by c.name) from pg_temp.calls() as c
    where c::text <> all (v_before)));
end;
$$;

select tests.act_as_http();
select is(
  pg_temp.way('alice'), 'PT404 begin_request count_request',
  'the first use of a key does not take the shortcut');
select is(pg_temp.way('alice'), 'PT404', 'a key in use takes the shortcut');
select tests.advance_clock('20 minutes');
select is(pg_temp.way('bob'), 'PT404 begin_request count_request',
  'each key must first be recorded');
select is(pg_temp.way('bob'), 'PT404', 'after that it takes the shortcut');
select is(
  (select array_agg(a.rate_limit order by k.name)
   from keys as k cross join lateral api_get_job_status(k.api_key, null, 'x') as a),
  array[100, 1000], 'the shortcut applies the quota of the user''s tier');
select tests.advance_clock('20 minutes');
select is(
  pg_temp.way('alice'), 'PT404 begin_request count_request',
  'in a new hour the first request is begin_request count_request');
select is(pg_temp.way('bob'), 'PT404 begin_request count_request', 'the same holds for each user');
select tests.act_as_admin();
update private.rate_limit_counters set requests = 1000 where user_id = tests.bob();
select tests.act_as_http();
select is(
  pg_temp.way('bob'), 'PT429 begin_request count_request',
  'without quota the request does not take the shortcut');
select tests.advance_clock('10 minutes');
select is(
  pg_temp.way('alice'), 'PT401 begin_request count_request',
  'a key that expires while in use is rejected');

select tests.act_as_admin();
update private.rate_limit_counters set requests = 1 where user_id = tests.bob();
select tests.act_as_http();
select is(pg_temp.way('bob'), 'PT404', 'bob has quota again');
select tests.act_as_admin();
update auth.users set banned_until = 'infinity' where id = tests.bob();
select tests.act_as_http();
select is(
  pg_temp.way('bob'), 'PT401 begin_request count_request', 'a banned user is rejected');

select * from finish();
rollback;
