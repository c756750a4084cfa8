begin;
select plan(11);

select tests.set_clock('2026-03-01 12:00+00');
select tests.arrange_cast();
select tests.arrange_job('job');
select tests.arrange_job('broken');
select tests.arrange_job('given_up');
select tests.arrange_job('asked', 'processing');

select tests.advance_clock('1 minute');
select tests.act_as_worker();
select results_eq(
  $$ select j.status::text, j.attempt, j.worker_id, j.started_at, j.heartbeat_at, j.version
     from update_job_status(tests.id('job'), 'processing', p_worker_id => tests.worker(1)) as j $$,
  $$ values ('processing', 1, tests.worker(1)::uuid, timestamptz '2026-03-01 12:01+00',
       timestamptz '2026-03-01 12:01+00', 2::bigint) $$,
  'a job that starts has an attempt, a worker and a start time');

select tests.advance_clock('1 minute');
select results_eq(
  $$ select j.status::text, j.started_at, j.completed_at, j.stats, j.commit_sha, j.version
     from update_job_status(tests.id('job'), 'completed', p_metadata =>
       '{"stats": {"files_indexed": 3}, "commit_sha": "ABCDEFABCDEFABCDEFABCDEFABCDEFABCDEFABCD"}'
     ) as j $$,
  $$ values ('completed', timestamptz '2026-03-01 12:01+00', timestamptz '2026-03-01 12:02+00',
       '{"files_indexed": 3}'::jsonb, 'abcdefabcdefabcdefabcdefabcdefabcdefabcd', 3::bigint) $$,
  'a completed job has a result, a commit and an end time');
select results_eq(
  $$ select j.error_message, j.completed_at, j.started_at
     from update_job_status(tests.id('broken'), 'failed',
       '{"error": " cannot read https://bob:secret@example.com/a.git "}') as j $$,
  $$ values ('cannot read https://***@example.com/a.git', timestamptz '2026-03-01 12:02+00',
       null::timestamptz) $$,
  'a job that fails before its start has an error without credentials');
select is(
  (select j.completed_at from update_job_status(tests.id('given_up'), 'cancelled') as j),
  '2026-03-01 12:02+00', 'a cancelled job has an end time');

select tests.set_clock('2026-03-01 11:00+00');
select is(
  (select j.completed_at >= j.started_at and j.started_at >= j.created_at
   from update_job_status(tests.id('asked'), 'completed') as j),
  true, 'a clock that moves backward does not end a job before its start');

select is(
  tests.refusal($$ select update_job_status('00000000-0000-4000-8000-0000000000ff', 'failed',
    '{"error": "x"}') $$),
  'PT404', 'an unknown job is not found, without a detail');
select is(
  tests.refusal($$ select update_job_status(null, 'processing') $$),
  'PT404', 'null is not found either');

select tests.act_as(tests.alice());
select is(
  tests.refusal($$ select update_job_status(tests.id('job'), 'processing') $$),
  '42501', 'the owner may not move a job');
select tests.act_as_anon();
select is(
  tests.refusal($$ select update_job_status(tests.id('job'), 'processing') $$),
  '42501', 'anon may not move a job');
select tests.act_as_http();
select is(
  tests.refusal($$ select update_job_status(tests.id('job'), 'processing') $$),
  '42501', 'the HTTP layer may not move a job');

select tests.act_as_admin();
select is(
  (select j.status::text from index_jobs as j where j.id = tests.id('job')),
  'completed', 'a rejected call changes nothing');

select * from finish();
rollback;
