begin;
select plan(10);

select tests.set_clock('2026-03-01 12:00+00');
select tests.arrange_cast();
select tests.arrange_job('job');

select tests.act_as_http();
create temp table answers as
select 'known' as name, a.* from api_admin_get_job_status(
  '{"role": "service_role", "sub": "support-1"}', tests.id('job')::text, 'ticket 7') as a;
insert into answers
select 'unknown', a.* from api_admin_get_job_status(
  '{"role": "service_role"}', '00000000-0000-4000-8000-0000000000ff') as a;
insert into answers
select 'malformed', a.* from api_admin_get_job_status('{"role": "service_role"}', 'x') as a;
insert into answers
select 'user', a.* from api_admin_get_job_status(
  jsonb_build_object('role', 'authenticated', 'sub', tests.alice()), tests.id('job')::text) as a;
insert into answers
select 'nobody', a.* from api_admin_get_job_status(null, tests.id('job')::text) as a;

select is(
  (select a.job_age from answers as a where a.name = 'known'), 0,
  'the response contains the age of the job');
select results_eq(
  $$ select a.verdict, a.job_id, a.job_status, a.job_version, a.rate_limit from answers as a
     where a.name = 'known' $$,
  $$ values ('ok', tests.id('job'), 'pending', 1::bigint, null::integer) $$,
  'support sees jobs of any tenant without using quota');
select results_eq(
  $$ select distinct a.verdict, a.code, a.body from answers as a
     where a.name in ('unknown', 'malformed') $$,
  $$ values ('PT404', null::text, null::text) $$,
  'unknown and malformed ids get the same response');
select results_eq(
  $$ select distinct a.verdict, a.code, a.body from answers as a
     where a.name in ('user', 'nobody') $$,
  $$ values ('PT401', 'AUTH_INVALID_KEY', null::text) $$,
  'callers other than the service are rejected');
select tests.act_as_admin();
select is(
  (select a.body::jsonb from answers as a where a.name = 'known'),
  (select to_jsonb(j) from index_jobs as j where j.id = tests.id('job')),
  'the body is the complete row');
select results_eq(
  $$ select a.at, a.actor, a.action, a.job_id, a.reason, a.outcome from private.admin_audit as a
     order by a.id $$,
  $$ values
       (timestamptz '2026-03-01 12:00+00', 'support-1', 'get_job_status', tests.id('job'),
         'ticket 7', 'ok'),
       ('2026-03-01 12:00+00', 'service_role', 'get_job_status',
         '00000000-0000-4000-8000-0000000000ff', null, 'PT404'),
       ('2026-03-01 12:00+00', 'service_role', 'get_job_status', null, null, 'PT404') $$,
  'each read is audited, found or not; a refusal is not');
select is_empty(
  $$ select c.user_id from private.rate_limit_counters as c $$, 'no quota is used');

select tests.act_as(tests.alice());
select is(
  tests.refusal($$ select api_admin_get_job_status('{"role": "service_role"}', 'x') $$),
  '42501', 'users may not pass their own claims');
select tests.act_as_anon();
select is(
  tests.refusal($$ select api_admin_get_job_status('{"role": "service_role"}', 'x') $$),
  '42501', 'anon may not call it');
select tests.act_as_worker();
select is(
  tests.refusal($$ select api_admin_get_job_status('{"role": "service_role"}', 'x') $$),
  'accepted', 'the service may call it without the HTTP layer');
select * from finish();
rollback;
