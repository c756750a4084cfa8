begin;
select plan(12);

select tests.set_clock('2026-03-01 12:30+00');
select tests.arrange_cast();
select tests.arrange_job('job', 'completed');
select tests.arrange_job('acme_job', p_repository_id => tests.acme_repository());
create temp table keys (key_id text, api_key text);
grant select, insert on keys to public;
select tests.act_as(tests.alice());
insert into keys select k.key_id, k.api_key from create_api_key('k', '2026-03-01 13:00+00') as k;

select tests.act_as_http();
create temp table answers as
select 'own' as name, a.* from api_get_job_status(
  (select api_key from keys), null, tests.id('job')::text) as a;
insert into answers
select 'foreign', a.* from api_get_job_status(
  (select api_key from keys), null, tests.id('acme_job')::text) as a;
insert into answers
select 'unknown', a.* from api_get_job_status(
  (select api_key from keys), null, gen_random_uuid()::text) as a;
insert into answers
select 'malformed', a.* from api_get_job_status(
  (select api_key from keys), null, '''; drop table index_jobs') as a;
insert into answers
select 'secret', a.* from api_get_job_status(
  (select 'ij_' || key_id || '_' || repeat('0', 64) from keys), null, tests.id('job')::text) as a;
insert into answers
select 'id', a.* from api_get_job_status(
  'ij_0000000000000000_' || repeat('0', 64), null, tests.id('job')::text) as a;

select results_eq(
  $$ select a.verdict, a.job_id, a.job_status, a.job_version, a.rate_limit, a.rate_remaining,
       to_timestamp(a.rate_reset), a.code, a.message, a.hint, a.field
     from answers as a where a.name = 'own' $$,
  $$ values ('ok', tests.id('job'), 'completed', 3::bigint, 100, 99,
       timestamptz '2026-03-01 13:00+00', null::text, null::text, null::text, null::text) $$,
  'the owner gets the job and the current quota');
select results_eq(
  $$ select a.verdict, a.code, a.body, a.job_id, a.rate_remaining from answers as a
     where a.name in ('foreign', 'unknown', 'malformed') order by a.rate_remaining desc $$,
  $$ values ('PT404', null::text, null::text, null::uuid, 98), ('PT404', null, null, null, 97),
       ('PT404', null, null, null, 96) $$,
  'foreign, unknown and malformed ids get the same response and cost the same');
select results_eq(
  $$ select distinct a.verdict, a.code, a.body, a.rate_limit from answers as a
     where a.name in ('secret', 'id') $$,
  $$ values ('PT401', 'AUTH_INVALID_KEY', null::text, null::integer) $$,
  'a wrong secret and an unknown key get the same response');
select is(
  (select a.code from api_get_job_status(null, null, tests.id('job')::text) as a),
  'AUTH_INVALID_KEY', 'without key and claims the caller is unauthenticated');
select is(
  (select a.verdict from api_get_job_status(null,
    jsonb_build_object('sub', tests.alice(), 'role', 'authenticated'), tests.id('job')::text) as a),
  'ok', 'verified claims are as good as a key');
select is(
  (select a.verdict from api_get_job_status(null,
    jsonb_build_object('sub', tests.alice(), 'role', 'service_role'), tests.id('job')::text) as a),
  'PT401', 'claims of other roles do not identify a user');
select is(
  (select a.verdict from api_get_job_status(null,
    '{"sub": "no uuid", "role": "authenticated"}', tests.id('job')::text) as a),
  'PT401', 'invalid claims do not identify a user');
select is(
  (select a.rate_remaining from api_get_job_status(
    (select api_key from keys), null, tests.id('job')::text) as a),
  94, 'a failed login costs nothing');
select tests.set_clock('2026-03-01 13:00+00');
select is(
  (select a.verdict from api_get_job_status(
    (select api_key from keys), null, tests.id('job')::text) as a),
  'PT401', 'a key stops working when it expires');

select tests.act_as(tests.alice());
select is(
  tests.refusal($$ select api_get_job_status(null, '{}', 'x') $$),
  '42501', 'users may not pass their own claims');
select tests.act_as_anon();
select is(
  tests.refusal($$ select api_get_job_status(null, '{}', 'x') $$), '42501', 'anon may not call it');
select tests.act_as_admin();
select is(
  (select a.body::jsonb from answers as a where a.name = 'own'),
  (select to_jsonb(j) from index_jobs as j where j.id = tests.id('job')),
  'the body is the complete row');

select * from finish();
rollback;
