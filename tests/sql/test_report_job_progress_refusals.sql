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
  'PT409 stale_attempt attempt', 'a worker reports for its own attempt only');
select is(
  tests.refusal($$ select report_job_progress(tests.id('second'), null, 'walk', 1) $$),
  'PT409 attempt_required attempt', 'from the second attempt on it must name its own');
select is(
  tests.refusal($$ select report_job_progress(tests.id('pending'), 0, 'walk', 1) $$),
  'PT409 not_processing job_id', 'a job that has not begun has no progress');
select is(
  tests.refusal($$ select report_job_progress(tests.id('done'), 1, 'walk', 1) $$),
  'PT409 not_processing job_id', 'a job that has ended has no progress');
select is(
  tests.refusal(
    $$ select report_job_progress('00000000-0000-4000-8000-0000000000ff', 1, 'walk', 1) $$),
  'PT404', 'an unknown job is not found, without a detail');
select is(
  tests.refusal($$ select report_job_progress(tests.id('job'), 1, 'walk', 3, 2) $$),
  'PT422 invalid_progress phase', 'no more is done than there is');
select is(
  tests.refusal($$ select report_job_progress(tests.id('job'), 1, 'walk', -1) $$),
  'PT422 invalid_progress phase', 'no less than nothing is done');
select is(
  tests.refusal($$ select report_job_progress(tests.id('job'), 1, 'walk') $$),
  'PT422 invalid_progress phase', 'a phase comes with a count');
select is(
  tests.refusal($$ select report_job_progress(tests.id('job'), 1, p_done => 1, p_total => 2) $$),
  'PT422 invalid_progress phase', 'a count comes with a phase');
select is(
  tests.refusal($$ select report_job_progress(tests.id('job'), 1, repeat('x', 101), 1) $$),
  'PT422 invalid_progress phase', 'a phase has at most 100 characters');
select is(
  tests.refusal($$ select report_job_progress(tests.id('job'), 1, p_lease => '25 hours') $$),
  'PT422 invalid_lease lease', 'nobody holds a job for more than a day at once');
select tests.act_as(tests.alice());
select is(
  tests.refusal($$ select report_job_progress(tests.id('job'), 1) $$),
  '42501', 'the owner may not report');
select tests.act_as_anon();
select is(
  tests.refusal($$ select report_job_progress(tests.id('job'), 1) $$), '42501', 'nor may anon');

select tests.act_as_worker();
select is(
  tests.refusal($$ select report_job_progress(tests.id('job'), 1, repeat('x', 100), 2, 2) $$),
  'accepted', 'at the limits a report is accepted');

select * from finish();
rollback;
