-- Each row of api_get_job_statuses is the result of api_get_job_status, or null if the caller must
-- call that function.
begin;
select plan(28);

select tests.set_clock('2026-03-01 12:30+00');
select tests.arrange_cast();
select tests.arrange_job('alices');
select tests.arrange_job('acmes', p_repository_id => tests.acme_repository());
insert into private.accounts (user_id, tier) values (tests.bob(), 'solo');
insert into private.rate_limit_counters (user_id, window_start, requests) values
  (tests.carol(), '2026-03-01 12:00+00', 5);
create temp table keys (name text, api_key text);
grant select, insert on keys to public;
select tests.act_as(tests.alice());
insert into keys select 'alice', k.api_key from create_api_key('k', '2026-03-01 13:25+00') as k;
insert into keys select 'second', k.api_key from create_api_key('l') as k;
insert into keys select 'unused', k.api_key from create_api_key('m') as k;
select tests.act_as(tests.bob());
insert into keys select 'bob', k.api_key from create_api_key('k') as k;
insert into keys
select 'secret', 'ij_' || split_part(k.api_key, '_', 2) || '_' || repeat('0', 64) from keys as k
where k.name = 'bob';
insert into keys select 'prefix', replace(k.api_key, 'ij_', 'xx_') from keys as k
where k.name = 'bob';
insert into keys values ('unknown', 'ij_0000000000000000_' || repeat('0', 64));

create function pg_temp.key(p_name text) returns text
language sql
as $$
  select k.api_key from pg_temp.keys as k where k.name = p_name;
$$;
-- verdict and remaining requests of polls of alice's job with each key, `-` for a row of nulls
create function pg_temp.polls(variadic p_names text[]) returns text
language sql
as $$
  select string_agg(coalesce(a.verdict || ' ' || a.rate_remaining, '-'), ', ' order by a.number)
  from public.api_get_job_statuses(
    array(select pg_temp.key(n) from unnest(p_names) with ordinality as u (n, i) order by i),
    array_fill(null::jsonb, array[cardinality(p_names)]),
    array_fill(tests.id('alices')::text, array[cardinality(p_names)]),
    array_fill(null::bigint, array[cardinality(p_names)])
  ) with ordinality as a (
    verdict, code, message, hint, field, body, job_id, job_status, job_version, rate_limit,
    rate_remaining, rate_reset, next_cursor, job_age, user_id, number);
$$;
create function pg_temp.poll_with_claims(p_user_id text, p_role text) returns text
language sql
as $$
  select coalesce(a.verdict || ' ' || a.rate_remaining, '-')
  from public.api_get_job_statuses(
    array[null], array[jsonb_build_object('sub', p_user_id, 'role', p_role)],
    array[tests.id('alices')::text], array[null::bigint]) as a;
$$;
-- polls once with each key in use, which starts the counts
create function pg_temp.begin_hour() returns bigint
language sql
as $$
  select count(*) from pg_temp.keys as k
  cross join lateral public.api_get_job_status(k.api_key, null, 'x')
  where k.name in ('alice', 'second', 'bob');
$$;

select tests.act_as_http();
select is(pg_temp.polls('alice'), '-', 'a key that is not in use must be polled alone');
select is(pg_temp.begin_hour(), 3::bigint, 'then the keys are in use');
select is(
  pg_temp.polls('alice', 'bob', 'alice', 'second'), 'ok 97, PT404 998, ok 96, ok 95',
  'polls are counted by user, in their order');
select is(pg_temp.polls('bob', 'alice'), 'PT404 997, ok 94', 'polls are answered in their order');
select is(
  pg_temp.polls('secret', 'bob', 'prefix', 'unknown', 'unused', 'alice'),
  '-, PT404 996, -, -, -, ok 93', 'unknown callers must poll alone, and cost nothing');
select is(
  (select array_agg(a::text) from api_get_job_statuses('{}', '{}', '{}', '{}') as a), null,
  'no polls have no rows');

create temp table answers as
select 'alone' as way, 0::bigint as number, a.* from api_get_job_status(
  pg_temp.key('alice'), null, tests.id('alices')::text) as a;
insert into answers
select 'grouped', a.* from (
  select row_number() over () as number, a.* from api_get_job_statuses(
    array_fill(pg_temp.key('alice'), array[5]), array_fill(null::jsonb, array[5]),
    array[tests.id('alices')::text, tests.id('alices')::text, tests.id('acmes')::text, 'x', null],
    array[null, 1, null, null, null]) as a) as a;
select is(
  (select to_jsonb(a) - '{way,number,rate_remaining}'::text[] from answers as a
   where a.number = 1),
  (select to_jsonb(a) - '{way,number,rate_remaining}'::text[] from answers as a
   where a.number = 0), 'the result is that of api_get_job_status');
select is(
  (select a.job_age from answers as a where a.number = 1), 0,
  'the result contains the age of the job');
select is(
  (select concat_ws(' ', a.verdict, a.job_version, a.body is null) from answers as a
   where a.number = 2), 'ok 1 t', 'a client with the current version gets no body');
select is(
  (select string_agg(concat_ws(' ', a.verdict, a.job_id, a.body), ', ') from answers as a
   where a.number > 2), 'PT404, PT404, PT404',
  'foreign jobs and malformed ids get the same result');
select is(
  (select a.body is not null from api_get_job_statuses(
     array[pg_temp.key('alice')], array[null::jsonb], array[tests.id('alices')::text],
     array[2]) as a), true, 'a client with another version gets the body');

select is(
  (select string_agg(concat_ws(' ', a.verdict, a.user_id = tests.bob()), ', ')
   from api_get_job_statuses(
     array[pg_temp.key('bob'), pg_temp.key('alice'), pg_temp.key('bob')],
     array[null, null, null]::jsonb[],
     array[tests.id('acmes')::text, tests.id('acmes')::text, tests.id('acmes')::text],
     array[null, null, null]::bigint[]) as a),
  'ok t, PT404 f, ok t', 'each job is read with the rights of its caller');
select is(current_setting('synchronous_commit'), 'off', 'the count does not wait for the disk');
select is(pg_temp.poll_with_claims(tests.alice()::text, 'authenticated'), 'ok 84',
  'verified claims are as good as a key');
select is(
  pg_temp.poll_with_claims(tests.alice()::text, 'service_role'), '-',
  'claims of other roles do not identify a user');
select is(
  pg_temp.poll_with_claims('no uuid', 'authenticated'), '-', 'claims without a user do not identify a user');
select is(
  (select a.verdict from api_get_job_statuses(
     array[pg_temp.key('unknown')],
     array[jsonb_build_object('sub', tests.alice(), 'role', 'authenticated')],
     array[tests.id('alices')::text], array[null::bigint]) as a),
  null, 'claims do not make up for a wrong key');

select tests.act_as_admin();
update private.rate_limit_counters set requests = 998 where user_id = tests.bob();
select tests.act_as_http();
select is(
  pg_temp.polls('bob', 'bob', 'alice', 'bob'), 'PT404 1, PT404 0, ok 83, -',
  'polls over the quota must be sent alone');
select is(pg_temp.polls('bob', 'alice'), '-, ok 82', 'later polls of the group are answered');
select tests.act_as_admin();
select is(
  (select array_agg(c.requests order by c.requests) from private.rate_limit_counters as c),
  array[5, 18, 1000], 'exactly the answered polls are counted');
select is(
  (select c.xmax::text from private.rate_limit_counters as c where c.user_id = tests.carol()),
  '0', 'no other counters are locked');
update auth.users set banned_until = 'infinity' where id = tests.bob();
update private.rate_limit_counters set requests = 1 where user_id = tests.bob();
select tests.act_as_http();
select is(pg_temp.polls('bob', 'alice'), '-, ok 81', 'a banned user must poll alone');
select tests.act_as_admin();
update auth.users set banned_until = null where id = tests.bob();
update private.api_keys set enabled = false where user_id = tests.bob();
select tests.act_as_http();
select is(pg_temp.polls('bob', 'alice'), '-, ok 80', 'a user with a revoked key must poll alone');
select tests.advance_clock('30 minutes');
select is(
  pg_temp.polls('alice', 'second'), '-, -', 'the first polls of an hour must be sent alone');
select is(pg_temp.begin_hour(), 3::bigint, 'they start the count');
select tests.advance_clock('24 minutes 59 seconds');
select is(pg_temp.polls('alice', 'second'), 'ok 97, ok 96', 'a key works until it expires');
select tests.advance_clock('1 second');
select is(pg_temp.polls('alice', 'second'), '-, ok 95', 'a key stops at the time it expires');
select tests.act_as_admin();
update private.api_keys set last_used_at = '2026-03-01 12:24:59+00';
select tests.act_as_http();
select is(
  pg_temp.polls('second'), '-', 'a key not used within the hour must be polled alone');

select * from finish();
rollback;
