begin;
select plan(8);

select tests.set_clock('2026-03-01 12:00+00');
select tests.arrange_cast();
select tests.arrange_job('waits');
select tests.arrange_job('done', 'completed');
select tests.arrange_job('job');
update index_jobs set created_at = '2026-03-01 11:00+00' where id = tests.id('job');
select tests.act_as_worker();
select claim_index_job(tests.worker(1));
select tests.act_as_admin();
select tests.advance_clock('10 seconds');

select results_eq(
  $$ select j.status::text, j.error_message, j.completed_at, j.version
     from private.admin_fail_index_job(tests.id('waits')) as j $$,
  $$ values ('failed', 'support ended the job', timestamptz '2026-03-01 12:00:10+00', 2::bigint) $$,
  'a pending job becomes failed');
select results_eq(
  $$ select j.status::text, j.attempt, j.lease_expires_at, j.retry_at
     from private.admin_fail_index_job(tests.id('job')) as j $$,
  $$ values ('failed', 1, null::timestamptz, null::timestamptz) $$,
  'a running job becomes failed even with attempts left');
select is(
  tests.refusal($$ select update_job_status(tests.id('job'), 'completed', p_attempt => 1) $$),
  'PT409 invalid_transition status', 'its worker is then rejected');
select is(
  tests.refusal($$ select private.admin_fail_index_job(tests.id('done')) $$),
  'PT409 invalid_transition job_id', 'a finished job does not change');
select is(
  tests.refusal($$ select private.admin_fail_index_job(gen_random_uuid()) $$), 'PT404',
  'an unknown job is not found');
select tests.set_clock('2026-03-01 11:00+00');
select is(
  (select j.completed_at >= j.created_at from private.admin_fail_index_job(
     tests.job_for(tests.acme_repository())) as j),
  true, 'a clock that moved backward does no harm');

select tests.act_as_worker();
select is(
  tests.refusal($$ select private.admin_fail_index_job(tests.id('waits')) $$), '42501',
  'the service must go through its claims');
select tests.act_as(tests.alice());
select is(tests.refusal($$ select private.admin_fail_index_job(tests.id('waits')) $$), '42501',
  'users may not call it');

select * from finish();
rollback;
