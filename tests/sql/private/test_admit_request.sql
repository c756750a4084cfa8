-- The common case takes one statement. All others call begin_request and count_request.
begin;
select plan(14);

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

create function pg_temp.calls() returns bigint language sql as $$
  select coalesce(sum(f.calls), 0) from pg_stat_xact_user_functions as f
  where f.funcname in ('begin_request', 'count_request');
$$;
-- verdict, remaining requests, user of the claims, and how many of the two functions were called
create function pg_temp.admitted(p_key text, p_claims jsonb default null) returns text
language plpgsql
as $$
declare
  v_before bigint := pg_temp.calls();
  v_found text;
begin
  perform set_config('request.jwt.claims', '', true);
  select concat_ws(' ', a.verdict, a.rate_limit, a.rate_remaining,
    a.rate_reset = extract(epoch from date_trunc('hour', private.clock()) + interval '1 hour'),
    a.user_id = private.current_user_id()) into v_found
  from private.admit_request(
    coalesce((select k.api_key from pg_temp.keys as k where k.name = p_key), p_key), p_claims) as a;
  return concat_ws(' ', v_found, 'by', pg_temp.calls() - v_before);
end;
$$;

select tests.act_as_admin();
select is(pg_temp.admitted('alice'), 'ok 100 99 t t by 2', 'the first use of a key is recorded');
select is(pg_temp.admitted('alice'), 'ok 100 98 t t by 0', 'the next use takes one statement');
select is(
  pg_temp.admitted(null, jsonb_build_object('sub', tests.alice(), 'role', 'authenticated')),
  'ok 100 97 t t by 2', 'a token counts for the same user');
select is(pg_temp.admitted('ij_x_y'), 'PT401 by 2', 'an unknown key is rejected');
select is(
  pg_temp.admitted((select left(api_key, 20) || repeat('0', 64) from keys where name = 'alice')),
  'PT401 by 2', 'a wrong secret of a key in use is rejected');
select is(
  pg_temp.admitted((select replace(api_key, 'ij_', 'xx_') from keys where name = 'alice')),
  'PT401 by 2', 'another prefix is rejected');
select tests.advance_clock('20 minutes');
select is(pg_temp.admitted('bob'), 'ok 1000 999 t t by 2', 'each user has the quota of the tier');
select is(pg_temp.admitted('bob'), 'ok 1000 998 t t by 0', 'the common case applies it too');
select tests.advance_clock('20 minutes');
select is(pg_temp.admitted('bob'), 'ok 1000 999 t t by 2', 'a new hour starts a new count');
update private.rate_limit_counters set requests = 1000 where user_id = tests.bob();
select is(pg_temp.admitted('bob'), 'PT429 1000 0 t t by 2', 'a user without quota is rejected');
select is(pg_temp.admitted('alice'), 'ok 100 99 t t by 2', 'a key works until it expires');
select tests.advance_clock('10 minutes');
select is(pg_temp.admitted('alice'), 'PT401 by 2', 'an expired key is rejected');

update private.rate_limit_counters set requests = 1 where user_id = tests.bob();
update auth.users set banned_until = 'infinity' where id = tests.bob();
select is(pg_temp.admitted('bob'), 'PT401 by 2', 'a banned user is rejected');
update auth.users set banned_until = null where id = tests.bob();
update private.api_keys set enabled = false where user_id = tests.bob();
select is(pg_temp.admitted('bob'), 'PT401 by 2', 'a revoked key is rejected');

select * from finish();
rollback;
