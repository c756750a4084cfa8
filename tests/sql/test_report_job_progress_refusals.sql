begin;
select plan(14);

select tests.arrange_cast();
select tests.arrange_job('pending');
select tests.arrange_job('done', 'completed');
select tests.arrange_job('job', 'processing');
select tests.arrange_job('second', 'processing');
update index_jobs set attempt = 2 where id = tests.id('second');

select tests.act_as_worker();
select is(
  tests.refusal($$ select report_job_progress(tests.id('job'), 2, 'walk', 1) $$),
  'PT409 stale_attempt attempt', 'a worker may report only for its own attempt');
select is(
  tests.refusal($$ select report_job_progress(tests.id('second'), null, 'walk', 1) $$),
  'PT409 attempt_required attempt', 'from the second attempt on the number is required');
select is(
  tests.refusal($$ select report_job_progress(tests.id('pending'), 0, 'walk', 1) $$),
  'PT409 not_processing job_id', 'a pending job has no progress');
select is(
  tests.refusal($$ select report_job_progress(tests.id('done'), 1, 'walk', 1) $$),
  'PT409 not_processing job_id', 'a finished job has no progress');
select is(
  tests.refusal(
    $$ select report_job_progress('00000000-0000-4000-8000-0000000000ff', 1, 'walk', 1) $$),
  'PT404', 'an unknown job is not found, without a detail');
select is(
  tests.refusal($$ select report_job_progress(tests.id('job'), 1, 'walk', 3, 2) $$),
  'PT422 invalid_progress phase', 'done may not exceed the total');
select is(
  tests.refusal($$ select report_job_progress(tests.id('job'), 1, 'walk', -1) $$),
  'PT422 invalid_progress phase', 'done may not be negative');
select is(
  tests.refusal($$ select report_job_progress(tests.id('job'), 1, 'walk') $$),
  'PT422 invalid_progress phase', 'a phase requires a count');
select is(
  tests.refusal($$ select report_job_progress(tests.id('job'), 1, p_done => 1, p_total => 2) $$),
  'PT422 invalid_progress phase', 'a count requires a phase');
select is(
  tests.refusal($$ select report_job_progress(tests.id('job'), 1, repeat('x', 101), 1) $$),
  'PT422 invalid_progress phase', 'a phase has at most 100 characters');
select is(
  tests.refusal($$ select report_job_progress(tests.id('job'), 1, p_lease => '25 hours') $$),
  'PT422 invalid_lease lease', 'a lease lasts at most a day');
select tests.act_as(tests.alice());
select is(
  tests.refusal($$ select report_job_progress(tests.id('job'), 1) $$),
  '42501', 'the owner may not report');
select tests.act_as_anon();
select is(
  tests.refusal($$ select report_job_progress(tests.id('job'), 1) $$), '42501',
  'anon may not report');

select tests.act_as_worker();
select is(
  tests.refusal($$ select report_job_progress(tests.id('job'), 1, repeat('x', 100), 2, 2) $$),
  'accepted', 'values at the limits are accepted');

select * from finish();
rollback;
