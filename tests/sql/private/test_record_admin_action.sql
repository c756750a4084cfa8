begin;
select plan(3);

select tests.set_clock('2026-03-01 12:00+00');
select private.record_admin_action('{"sub": "erin"}', 'fail', null, 'why', 'ok');
select private.record_admin_action('{}', 'fail', tests.alice(), null, 'PT404');
select results_eq(
  $$ select a.at, a.actor, a.action, a.job_id, a.reason, a.outcome from private.admin_audit as a
     order by a.id $$,
  $$ values (timestamptz '2026-03-01 12:00+00', 'erin', 'fail', null::uuid, 'why', 'ok'),
       ('2026-03-01 12:00+00', 'service_role', 'fail', tests.alice(), null, 'PT404') $$,
  'the audit records actor, action, time, reason and result');

select tests.act_as_worker();
select is(
  tests.refusal($$ select private.record_admin_action('{}', 'x', null, null, 'ok') $$), '42501',
  'the service must go through its claims');
select tests.act_as(tests.alice());
select is(tests.refusal($$ select private.record_admin_action('{}', 'x', null, null, 'ok') $$), '42501',
  'users may not call it');

select * from finish();
rollback;
