begin;
select plan(5);

select tests.arrange_cast();
select tests.arrange_job('job', 'processing');
select tests.set_clock('2030-01-01 12:00Z');
select tests.act_as_worker();
select fail_job_attempt(tests.id('job'), 1, 'down');

select is(
  tests.refusal($$ select fail_job_attempt(tests.id('job'), 1, 'down') $$), 'accepted',
  'a report may be repeated');
select is(
  tests.refusal($$ select fail_job_attempt(tests.id('job'), 1, 'down', false) $$),
  'PT409 stale_attempt attempt', 'a repeat with another verdict is rejected: the attempt is over');
select tests.advance_clock('1 hour');
select claim_index_job(tests.worker(2), '30 seconds');
select results_eq(
  $$ select j.status::text, j.retry_at > private.clock()
     from fail_job_attempt(tests.id('job'), 2, 'down') as j $$,
  $$ values ('processing', true) $$,
  'the same error in the next attempt is not a repeat');
select tests.advance_clock('1 hour');
select claim_index_job(tests.worker(2), '30 seconds');
select is(
  (select j.status::text from fail_job_attempt(tests.id('job'), 3, 'down', false) as j), 'failed',
  'a job fails with its last attempt');
select is(
  tests.refusal($$ select fail_job_attempt(tests.id('job'), 3, 'up', false) $$),
  'PT409 conflicting_repeat error', 'it fails for one reason');

select * from finish();
rollback;
