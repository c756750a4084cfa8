begin;
select plan(7);

select tests.set_clock('2026-03-01 12:00+00');
select tests.act_as_job_worker();
select is(
  tests.refusal($$ select report_runner(tests.worker(1), 'build-7', 4711, '0.1.0', 3, 1) $$),
  'accepted', 'a worker reports itself');
select tests.advance_clock('5 seconds');
select report_runner(tests.worker(1), 'build-8', 4712, '0.1.1', 2, 2);
select is(
  tests.refusal($$ select report_runner(tests.worker(1), 'build-7', 4711, '0.1.0', 3, 4) $$),
  'PT422 invalid_runner busy', 'busy may not exceed the slots');
select is(
  tests.refusal($$ select report_runner(tests.worker(1), repeat('h', 256), 1, '0', 1, 0) $$),
  'PT422 invalid_runner busy', 'the length of a name is limited');
select is(
  tests.refusal($$ select report_runner('build-7:4711', 'build-7', 4711, '0.1.0', 3, 1) $$),
  'PT422 invalid_worker_id worker_id', 'an id must be a UUID');
select is(
  tests.refusal($$ select report_runner(null, 'build-7', 4711, '0.1.0', 3, 1) $$),
  'PT422 missing_worker_id worker_id', 'an id is required');

select tests.act_as_admin();
select results_eq(
  $$ select r.* from private.runners as r $$,
  $$ values (tests.worker(1)::uuid, 'build-8', 4712, '0.1.1', 2, 2,
       timestamptz '2026-03-01 12:00:05+00') $$,
  'the last report replaces earlier ones');
select tests.advance_clock('1 hour 1 second');
select retry_or_fail_stuck_jobs();
select is_empty('select from private.runners', 'a runner not seen for an hour is deleted');

select * from finish();
rollback;
