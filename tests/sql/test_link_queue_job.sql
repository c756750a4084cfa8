begin;
select plan(11);

select tests.arrange_cast();
select tests.arrange_job('job');
select tests.arrange_job('running', 'processing');
select tests.name_id('queue_job', '00000000-0000-4000-8000-00000000aaaa');

select tests.act_as_worker();
select results_eq(
  $$ select j.queue_job_id, j.status::text, j.version
     from link_queue_job(tests.id('job'), tests.id('queue_job')) as j $$,
  $$ values (tests.id('queue_job'), 'pending', 2::bigint) $$,
  'a pending job can be linked to a queue job');
select results_eq(
  $$ select j.queue_job_id, j.status::text, j.version
     from link_queue_job(tests.id('job'), tests.id('queue_job')) as j $$,
  $$ values (tests.id('queue_job'), 'pending', 2::bigint) $$,
  'a repeated link changes nothing');
select is(
  tests.refusal($$ select link_queue_job(tests.id('job'), gen_random_uuid()) $$),
  'PT409 already_linked queue_job_id', 'a link cannot be changed');
select is(
  tests.refusal($$ select link_queue_job(tests.id('running'), tests.id('queue_job')) $$),
  'PT409 invalid_transition queue_job_id', 'a job that started without a queue cannot be linked');
select is(
  tests.refusal($$ select update_job_status(tests.id('job'), 'processing') $$),
  'accepted', 'the queue moves the job');
select is(
  tests.refusal($$ select link_queue_job(tests.id('job'), tests.id('queue_job')) $$),
  'accepted', 'the same link can be repeated later too');
select is(
  tests.refusal($$ select link_queue_job(tests.id('job'), null) $$),
  'PT422 missing_queue_job_id queue_job_id', 'a link requires both ids');
select is(
  tests.refusal(
    $$ select link_queue_job('00000000-0000-4000-8000-0000000000ff', gen_random_uuid()) $$),
  'PT404', 'an unknown job is not found, without a detail');
select is(
  (select count(*)::integer from index_job_events as e
   where e.job_id = tests.id('job') and e.to_status = 'pending'),
  1, 'a link writes no event');

select tests.act_as(tests.alice());
select is(
  tests.refusal($$ select link_queue_job(tests.id('running'), gen_random_uuid()) $$),
  '42501', 'the owner may not link');
select tests.act_as_anon();
select is(
  tests.refusal($$ select link_queue_job(tests.id('running'), gen_random_uuid()) $$),
  '42501', 'anon may not link');

select * from finish();
rollback;
