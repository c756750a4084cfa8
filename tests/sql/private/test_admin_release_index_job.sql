begin;
select plan(9);

select tests.set_clock('2026-03-01 12:00+00');
select tests.arrange_cast();
select tests.arrange_job('waits');
select tests.arrange_job('linked');
select tests.arrange_job('runs', 'processing');
update index_jobs set lease_expires_at = '2026-03-02 12:00+00', max_attempts = 1
where id = tests.id('runs');
select tests.act_as_worker();
select link_queue_job(tests.id('linked'), gen_random_uuid());
select update_job_status(tests.id('linked'), 'processing');
select tests.act_as_admin();
select tests.advance_clock('10 seconds');

select results_eq(
  $$ select j.status::text, j.lease_expires_at, j.retry_at, j.max_attempts, j.version, j.updated_at
     from private.admin_release_index_job(tests.id('runs')) as j $$,
  $$ values ('processing', null::timestamptz, timestamptz '2026-03-01 12:00:10+00', 2, 3::bigint,
       timestamptz '2026-03-01 12:00:10+00') $$,
  'the worker loses the job, which keeps its attempts');
select is(
  (select e.detail ->> 'handed_back' from index_job_events as e
   where e.job_id = tests.id('runs') order by e.event_no desc limit 1),
  'true', 'the history records the release');
select is(
  tests.refusal($$ select update_job_status(tests.id('runs'), 'completed', p_attempt => 1) $$),
  'PT409 stale_attempt attempt', 'later reports of the worker are rejected');
select is(
  tests.refusal($$ select private.admin_release_index_job(tests.id('runs')) $$),
  'PT409 no_lease job_id', 'a lease cannot be released twice');
select is(
  tests.refusal($$ select private.admin_release_index_job(tests.id('waits')) $$),
  'PT409 no_lease job_id', 'a pending job has no lease to release');
select is(
  tests.refusal($$ select private.admin_release_index_job(tests.id('linked')) $$),
  'PT409 no_lease job_id', 'a job of an external queue has no lease to release');
select is(
  tests.refusal($$ select private.admin_release_index_job(gen_random_uuid()) $$), 'PT404',
  'an unknown job is not found');

select tests.act_as_worker();
select is(
  tests.refusal($$ select private.admin_release_index_job(tests.id('runs')) $$), '42501',
  'the service must go through its claims');
select tests.act_as(tests.alice());
select is(tests.refusal($$ select private.admin_release_index_job(tests.id('runs')) $$), '42501',
  'users may not call it');

select * from finish();
rollback;
