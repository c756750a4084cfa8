begin;
select plan(16);

select tests.arrange_cast();
select tests.set_clock('2030-01-01 12:00Z');
select tests.job_for(tests.alice_repository()) as id into temp own;
select tests.job_for(tests.acme_repository()) as id into temp shared;
select tests.job_for(tests.acme_repository()) as id into temp running;
grant select on own, shared, running to public;
select tests.act_as(tests.carol());
select id into temp carols from create_index_job(tests.acme_repository());

select is(
  tests.refusal($$ select cancel_index_job((select id from own)) $$),
  'PT404', 'another tenant''s job is not found');
select is(
  tests.refusal($$ select cancel_index_job((select id from shared)) $$),
  'PT403 not_allowed job_id', 'a member may not cancel another member''s job');
select is(
  (select j.status::text from cancel_index_job((select id from carols)) as j), 'cancelled',
  'a member may cancel their own job');
select tests.act_as(tests.dave());
select is(
  tests.refusal($$ select cancel_index_job((select id from shared)) $$),
  'PT404', 'a former member finds no job');
select tests.act_with_claims('{}');
select is(
  tests.refusal($$ select cancel_index_job((select id from shared)) $$),
  'PT404', 'without claims no job is found');
select tests.act_as(tests.bob());
select is(
  (select j.status::text from cancel_index_job((select id from shared)) as j), 'cancelled',
  'an owner of the organization may cancel any of its jobs');

select tests.act_as(tests.alice());
select results_eq(
  $$ select j.status::text, j.completed_at, j.started_at, j.attempt
     from cancel_index_job((select id from own)) as j $$,
  $$ values ('cancelled', private.clock(), null::timestamptz, 0) $$,
  'a pending job is cancelled at once');
select is(
  (select j.version from cancel_index_job((select id from own)) as j), 2::bigint,
  'a repeated cancellation changes nothing');

select tests.act_as_worker();
select claim_index_job(tests.worker(0), '30 seconds');
select tests.act_as(tests.bob());
select results_eq(
  $$ select j.status::text, j.cancel_requested_at
     from cancel_index_job((select id from running)) as j $$,
  $$ values ('processing', private.clock()) $$,
  'a running job gets a cancellation request');
select tests.act_as_worker();
select ok(
  (select p.cancel_requested from report_job_progress((select id from running), 1) as p),
  'the worker gets the request with its next heartbeat');
select results_eq(
  $$ select j.status::text, j.last_error
     from fail_job_attempt((select id from running), 1, 'down') as j $$,
  $$ values ('cancelled', 'down') $$, 'a job with a cancellation request is not retried');
select tests.act_as(tests.bob());
select is(
  (select j.status::text from cancel_index_job((select id from running)) as j), 'cancelled',
  'another cancellation then changes nothing');

select tests.act_as_admin();
select tests.job_for(tests.acme_repository()) as id into temp waiting;
grant select on waiting to public;
select tests.act_as_worker();
select claim_index_job(tests.worker(0), '30 seconds');
select fail_job_attempt((select id from waiting), 1, 'down');
select tests.act_as(tests.bob());
select results_eq(
  $$ select j.status::text, j.retry_at from cancel_index_job((select id from waiting)) as j $$,
  $$ values ('cancelled', null::timestamptz) $$, 'a job between two attempts is cancelled at once');

select tests.act_as_admin();
select tests.job_for(tests.acme_repository()) as id into temp done;
grant select on done to public;
select tests.act_as_worker();
select claim_index_job(tests.worker(0), '30 seconds');
select tests.act_as(tests.bob());
select cancel_index_job((select id from done));
select tests.act_as_worker();
select lives_ok(
  $$ select update_job_status((select id from done), 'completed', '{}', 1) $$,
  'a worker that finishes first completes the job');
select tests.act_as(tests.bob());
select is(
  tests.refusal($$ select cancel_index_job((select id from done)) $$),
  'PT409 invalid_transition job_id', 'a completed job cannot be cancelled');
select tests.act_as_worker();
select throws_ok(
  $$ select cancel_index_job((select id from done)) $$,
  '42501', null, 'the service uses update_job_status instead');

select * from finish();
rollback;
