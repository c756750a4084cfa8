begin;
select plan(11);

select tests.set_clock('2026-03-01 12:30+00');
select tests.arrange_cast();
select tests.arrange_job('job');
select tests.arrange_job('acme_job', p_repository_id => tests.acme_repository());
create temp table keys (key_id text, api_key text);
grant select, insert on keys to public;
select tests.act_as(tests.alice());
insert into keys select k.key_id, k.api_key from create_api_key('k') as k;
select tests.act_as_http();

create function pg_temp.poll(p_job text, p_key text default null)
returns text language sql as $$
  select concat_ws(' ', a.verdict, a.job_id = tests.id(p_job), a.rate_remaining)
  from api_get_job_status(
    coalesce(p_key, (select k.api_key from keys as k)), null, tests.id(p_job)::text) as a;
$$;

-- the first poll records the key and starts the count; after that polls are usual ones
select is(pg_temp.poll('job'), 'ok t 99', 'the first poll of the hour');
select is(
  (select a.job_age from api_get_job_status(
     null, jsonb_build_object('sub', tests.carol(), 'role', 'authenticated'),
     tests.id('acme_job')::text) as a), 0, 'the result contains the age of the job');
select is(pg_temp.poll('job'), 'ok t 98', 'a usual poll');
select is(pg_temp.poll('acme_job'), 'PT404 97', 'a usual poll of another tenant''s job');
select is(
  pg_temp.poll('job', (select 'ij_' || key_id || '_' || repeat('0', 64) from keys)), 'PT401',
  'a wrong secret of a key in use');
select is(
  pg_temp.poll('job', (select replace(api_key, 'ij_', 'xx_') from keys)), 'PT401',
  'another prefix before a key in use');
select is(
  (select a.body is null and a.verdict = 'ok' and a.job_version = 1 from api_get_job_status(
    (select k.api_key from keys as k), null, tests.id('job')::text, 1) as a),
  true, 'a client with the current version gets no body');
select isnt(
  (select a.body from api_get_job_status(
    (select k.api_key from keys as k), null, tests.id('job')::text, 2) as a),
  null, 'a client with another version gets the body');
select tests.set_clock('2026-03-01 13:30:01+00');
select is(pg_temp.poll('job'), 'ok t 99', 'an hour later the count starts at 1');
select tests.act_as_admin();
select is(
  (select k.last_used_at from private.api_keys as k), '2026-03-01 13:30:01+00',
  'the use of the key is recorded');
update private.api_keys set enabled = false;
select tests.act_as_http();
select is(pg_temp.poll('job'), 'PT401', 'a revoked key fails on its next poll');

select * from finish();
rollback;
