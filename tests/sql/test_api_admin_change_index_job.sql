begin;
select plan(17);

select tests.set_clock('2026-03-01 12:00+00');
select tests.arrange_cast();
select tests.arrange_job('waits');
select tests.arrange_job('runs', 'processing');
select tests.arrange_job('failed', 'failed', tests.acme_repository());
select tests.arrange_job('done', 'completed', tests.acme_repository());
create function pg_temp.change(p_job text, p_action text, p_reason text default 'ticket 7')
returns private.api_answer language sql as $$
  select api_admin_change_index_job(
    '{"role": "service_role", "sub": "erin"}', p_job, p_action, p_reason);
$$;
select tests.advance_clock('1 minute');

select tests.act_as_http();
create temp table answers as
select 'fail' as name, a.* from pg_temp.change(tests.id('waits')::text, 'fail') as a;
insert into answers
select 'release', a.* from pg_temp.change(tests.id('runs')::text, 'release') as a;
insert into answers select 'retry', a.* from pg_temp.change(tests.id('failed')::text, 'retry') as a;
insert into answers select 'again', a.* from pg_temp.change(tests.id('failed')::text, 'retry') as a;
insert into answers select 'late', a.* from pg_temp.change(tests.id('done')::text, 'fail') as a;
insert into answers select 'unknown', a.* from pg_temp.change(
  '00000000-0000-4000-8000-0000000000ff', 'fail') as a;
insert into answers select 'malformed', a.* from pg_temp.change('x', 'retry') as a;
insert into answers select 'blank', a.* from pg_temp.change(
  tests.id('runs')::text, 'fail', E' \t\r\n') as a;
insert into answers
select 'silent', a.* from pg_temp.change(tests.id('runs')::text, 'fail', null) as a;
insert into answers select 'long', a.* from pg_temp.change(
  tests.id('runs')::text, 'fail', repeat('x', 501)) as a;
insert into answers select 'longest', a.* from pg_temp.change(
  tests.id('failed')::text, 'retry', repeat('x', 500)) as a;
insert into answers select 'other', a.* from pg_temp.change(tests.id('runs')::text, 'erase') as a;
insert into answers select 'user', a.* from api_admin_change_index_job(
  jsonb_build_object('role', 'authenticated', 'sub', tests.alice()), tests.id('runs')::text, 'fail',
  'mine') as a;
insert into answers
select 'nobody', a.* from api_admin_change_index_job(null, tests.id('runs')::text, 'fail', 'x') as a;

select results_eq(
  $$ select a.name, a.job_id, a.job_status, a.job_age from answers as a
     where a.name in ('fail', 'release') order by a.name $$,
  $$ values ('fail', tests.id('waits'), 'failed', null::integer),
       ('release', tests.id('runs'), 'processing', 60) $$,
  'the response contains the changed job');
select results_eq(
  $$ select a.verdict, a.job_status, a.job_age, a.body::jsonb ->> 'repeats_job_id' from answers as a
     where a.name = 'retry' $$,
  $$ values ('ok', 'pending', 0, tests.id('failed')::text) $$, 'a retry is a new job');
select is(
  (select count(distinct a.job_id) from answers as a where a.name in ('retry', 'again', 'longest')),
  1::bigint, 'a repeated retry returns the same job');
select results_eq(
  $$ select a.verdict, a.code, a.field, a.body from answers as a where a.name = 'late' $$,
  $$ values ('PT409', 'invalid_transition', 'job_id', null::text) $$,
  'a final status does not change');
select results_eq(
  $$ select distinct a.verdict, a.body from answers as a where a.name in ('unknown', 'malformed') $$,
  $$ values ('PT404', null::text) $$, 'unknown and malformed ids get the same response');
select results_eq(
  $$ select a.name, a.verdict, a.code, a.field from answers as a
     where a.name in ('blank', 'silent', 'long') order by a.name $$,
  $$ values ('blank', 'PT422', 'invalid_reason', 'reason'),
       ('long', 'PT422', 'invalid_reason', 'reason'),
       ('silent', 'PT422', 'invalid_reason', 'reason') $$, 'a reason is required');
select is(
  (select a.verdict from answers as a where a.name = 'longest'), 'ok',
  'a reason has at most 500 characters');
select results_eq(
  $$ select a.verdict, a.code, a.field from answers as a where a.name = 'other' $$,
  $$ values ('PT422', 'invalid_action', 'action') $$, 'other actions are unknown');
select results_eq(
  $$ select distinct a.verdict, a.code, a.body from answers as a
     where a.name in ('user', 'nobody') $$,
  $$ values ('PT401', 'AUTH_INVALID_KEY', null::text) $$, 'only the service may call it');

select tests.act_as_admin();
select is(
  (select a.body::jsonb from answers as a where a.name = 'release'),
  (select to_jsonb(j) from index_jobs as j where j.id = tests.id('runs')),
  'the body is the complete row');
select results_eq(
  $$ select a.at, a.actor, a.action, a.job_id, a.reason, a.outcome from private.admin_audit as a
     where length(coalesce(a.reason, '')) < 500 order by a.id $$,
  $$ select t.* from (values
       (timestamptz '2026-03-01 12:01+00', 'erin', 'fail', tests.id('waits'), 'ticket 7', 'ok'),
       ('2026-03-01 12:01+00', 'erin', 'release', tests.id('runs'), 'ticket 7', 'ok'),
       ('2026-03-01 12:01+00', 'erin', 'retry', tests.id('failed'), 'ticket 7', 'ok'),
       ('2026-03-01 12:01+00', 'erin', 'retry', tests.id('failed'), 'ticket 7', 'ok'),
       ('2026-03-01 12:01+00', 'erin', 'fail', tests.id('done'), 'ticket 7', 'invalid_transition'),
       ('2026-03-01 12:01+00', 'erin', 'fail', '00000000-0000-4000-8000-0000000000ff', 'ticket 7',
         'PT404'),
       ('2026-03-01 12:01+00', 'erin', 'retry', null, 'ticket 7', 'PT404'),
       ('2026-03-01 12:01+00', 'erin', 'fail', tests.id('runs'), E' \t\r\n', 'invalid_reason'),
       ('2026-03-01 12:01+00', 'erin', 'fail', tests.id('runs'), null, 'invalid_reason'),
       ('2026-03-01 12:01+00', 'erin', 'erase', tests.id('runs'), 'ticket 7', 'invalid_action')
     ) as t $$,
  'the audit has accepted and refused actions');
select is(
  (select max(length(a.reason)) from private.admin_audit as a), 500,
  'a long reason is truncated in the audit');
select is_empty(
  $$ select c.user_id from private.rate_limit_counters as c $$, 'no quota is used');

select tests.act_as(tests.alice());
select is(
  tests.refusal($$
    select api_admin_change_index_job('{"role": "service_role"}', 'x', 'fail', 'x') $$),
  '42501', 'users may not pass their own claims');
select tests.act_as_anon();
select is(
  tests.refusal($$
    select api_admin_change_index_job('{"role": "service_role"}', 'x', 'fail', 'x') $$),
  '42501', 'anon may not call it');
select tests.act_as_job_worker();
select is(
  tests.refusal($$
    select api_admin_change_index_job('{"role": "service_role"}', 'x', 'fail', 'x') $$),
  '42501', 'a worker may not call it');
select tests.act_as_worker();
select is(
  tests.refusal($$
    select api_admin_change_index_job('{"role": "service_role"}', 'x', 'fail', 'x') $$),
  'accepted', 'the service may call it without the HTTP layer');
select * from finish();
rollback;
