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
  'completed', 'a worker whose lease ran out may finish while nobody else has the job');

select is(
  (select j.id from claim_index_job(tests.worker(1), '10 seconds') as j), tests.id('job'),
  'worker 1 has the second job');
select tests.advance_clock('11 seconds');
select is(
  (select j.attempt from claim_index_job(tests.worker(2), '10 seconds') as j), 2,
  'worker 2 takes it over');
select is(
  tests.refusal($$ select update_job_status(tests.id('job'), 'completed', p_attempt => 1) $$),
  'PT409 stale_attempt attempt', 'the worker that lost the job may not finish it');
select is(
  tests.refusal(
    $$ select update_job_status(tests.id('job'), 'failed', '{"error": "x"}', p_attempt => 3) $$),
  'PT409 stale_attempt attempt', 'nobody finishes an attempt that has not begun');
select is(
  tests.refusal($$ select update_job_status(tests.id('job'), 'completed') $$),
  'PT409 attempt_required attempt', 'from the second attempt on a worker must name its own');
select is(
  tests.refusal($$ select update_job_status(tests.id('job'), 'pending', p_attempt => 1) $$),
  'PT409 stale_attempt attempt', 'a late worker hears first that it is late');
select is(
  (select j.status::text || ' ' || j.attempt
   from update_job_status(tests.id('job'), 'completed', p_attempt => 2) as j),
  'completed 2', 'the holder of the current attempt finishes it');
select is(
  tests.refusal($$ select update_job_status(tests.id('job'), 'completed', p_attempt => 1) $$),
  'PT409 stale_attempt attempt', 'a late worker stays late after the end');

select * from finish();
rollback;
