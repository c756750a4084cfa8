begin;
select plan(6);

select tests.arrange_cast();
select tests.arrange_job('job');
select tests.arrange_job('running', 'processing');

select tests.act_as(tests.alice());
select is(
  tests.refusal($$ select begin_queue_attempt(tests.id('job'), tests.id('job'), 0,
    tests.worker(1)) $$), '42501', 'users may not start attempts');
select tests.act_as_anon();
select is(
  tests.refusal($$ select begin_queue_attempt(tests.id('job'), tests.id('job'), 0,
    tests.worker(1)) $$), '42501', 'anon may not start attempts');
select tests.act_as_job_worker();
select is(
  tests.refusal($$ select begin_queue_attempt(tests.id('job'), tests.id('job'), 0, 'me') $$),
  'PT422 invalid_worker_id worker_id', 'a worker id must be a UUID');
select is(
  tests.refusal($$ select begin_queue_attempt(tests.id('running'), tests.id('running'), 0,
    tests.worker(1)) $$),
  'PT409 invalid_transition queue_job_id',
  'a job that runs without a queue cannot be started by one');
select is(
  tests.refusal($$ select begin_queue_attempt(gen_random_uuid(), tests.id('job'), 0,
    tests.worker(1)) $$), 'PT404', 'a missing job cannot be started');
select is(
  tests.refusal($$ select begin_queue_attempt(tests.id('job'), tests.id('job'), 0,
    tests.worker(1)) $$), 'accepted', 'workers may start the other jobs');

select * from finish();
rollback;
