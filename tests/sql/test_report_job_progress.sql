begin;
select plan(13);

select tests.set_clock('2026-03-01 12:00+00');
select tests.arrange_cast();
select tests.arrange_job('job');

select tests.act_as_worker();
select is(
  (select j.id from claim_index_job(tests.worker(1), '1 minute') as j), tests.id('job'),
  'worker 1 has the job');
select tests.advance_clock('10 seconds');
select results_eq(
  $$ select p.cancel_requested, p.lease_expires_at
     from report_job_progress(tests.id('job'), 1) as p $$,
  $$ values (false, timestamptz '2026-03-01 12:01+00') $$,
  'a heartbeat without a lease keeps the lease');
select results_eq(
  $$ select j.heartbeat_at, j.updated_at, j.version, j.progress from index_jobs as j
     where j.id = tests.id('job') $$,
  $$ values (timestamptz '2026-03-01 12:00:10+00', timestamptz '2026-03-01 12:00+00', 2::bigint,
       null::jsonb) $$,
  'a heartbeat is not a visible change');
select results_eq(
  $$ select p.lease_expires_at
     from report_job_progress(tests.id('job'), 1, 'symbols', 3, 7, '1 minute') as p $$,
  $$ values (timestamptz '2026-03-01 12:01:10+00') $$,
  'a new lease starts at the current time');
select results_eq(
  $$ select j.updated_at, j.version, j.progress from index_jobs as j
     where j.id = tests.id('job') $$,
  $$ values (timestamptz '2026-03-01 12:00:10+00', 3::bigint,
       '{"phase": "symbols", "done": 3, "total": 7}'::jsonb) $$,
  'progress is a visible change');
select tests.advance_clock('10 seconds');
select is(
  tests.refusal($$ select report_job_progress(tests.id('job'), 1, 'symbols', 3, 7) $$),
  'accepted', 'the same progress may be reported again');
select results_eq(
  $$ select j.updated_at, j.version from index_jobs as j where j.id = tests.id('job') $$,
  $$ values (timestamptz '2026-03-01 12:00:10+00', 3::bigint) $$,
  'the same progress again is not a visible change');
select is(
  tests.refusal($$ select report_job_progress(tests.id('job'), 1, 'walk', 3) $$),
  'accepted', 'the total may be unknown');
select is(
  (select j.progress from index_jobs as j where j.id = tests.id('job')),
  '{"phase": "walk", "done": 3, "total": null}', 'an unknown total is null');
select is(
  (select count(*)::integer from index_job_events as e where e.job_id = tests.id('job')), 2,
  'heartbeats and progress write no events');

select tests.act_as_admin();
update index_jobs set cancel_requested_at = '2026-03-01 12:00:20+00' where id = tests.id('job');
select tests.act_as_worker();
select is(
  (select p.cancel_requested from report_job_progress(tests.id('job'), 1) as p), true,
  'the result states that the user requested cancellation');

select tests.act_as_admin();
update index_jobs set updated_at = '2026-03-02 12:00+00' where id = tests.id('job');
select tests.act_as_worker();
select is(
  (select p.lease_expires_at from report_job_progress(tests.id('job'), 1, p_lease => '1 minute') as p),
  private.clock() + interval '1 minute',
  'a lease starts at the current time, even after a time in the future');
select results_eq(
  $$ select j.heartbeat_at, j.updated_at from index_jobs as j where j.id = tests.id('job') $$,
  $$ values (private.clock(), timestamptz '2026-03-02 12:00+00') $$,
  'the last sign of life does too; history stays in order');

select * from finish();
rollback;
