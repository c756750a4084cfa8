begin;
select plan(10);

select tests.arrange_cast();
select tests.arrange_job('late');
select tests.arrange_job('job');

select tests.act_as_worker();
select is(
  (select j.id from claim_index_job(tests.worker(1), '10 seconds') as j), tests.id('late'),
  'worker 1 has the first job');
select tests.advance_clock('11 seconds');
select is(
  (select j.status::text
   from update_job_status(tests.id('late'), 'completed', p_attempt => 1) as j),
  'completed', 'a worker with an expired lease may finish while no other has the job');

select is(
  (select j.id from claim_index_job(tests.worker(1), '10 seconds') as j), tests.id('job'),
  'worker 1 has the second job');
select tests.advance_clock('11 seconds');
select is(
  (select j.attempt from claim_index_job(tests.worker(2), '10 seconds') as j), 2,
  'worker 2 claims it');
select is(
  tests.refusal($$ select update_job_status(tests.id('job'), 'completed', p_attempt => 1) $$),
  'PT409 stale_attempt attempt', 'the worker that lost the job may not finish it');
select is(
  tests.refusal(
    $$ select update_job_status(tests.id('job'), 'failed', '{"error": "x"}', p_attempt => 3) $$),
  'PT409 stale_attempt attempt', 'an attempt that has not started cannot be finished');
select is(
  tests.refusal($$ select update_job_status(tests.id('job'), 'completed') $$),
  'PT409 attempt_required attempt', 'from the second attempt on the number is required');
select is(
  tests.refusal($$ select update_job_status(tests.id('job'), 'pending', p_attempt => 1) $$),
  'PT409 stale_attempt attempt', 'a late worker is told first that it is late');
select is(
  (select j.status::text || ' ' || j.attempt
   from update_job_status(tests.id('job'), 'completed', p_attempt => 2) as j),
  'completed 2', 'the worker of the current attempt finishes it');
select is(
  tests.refusal($$ select update_job_status(tests.id('job'), 'completed', p_attempt => 1) $$),
  'PT409 stale_attempt attempt', 'a late worker is still late after the end');

select * from finish();
rollback;
