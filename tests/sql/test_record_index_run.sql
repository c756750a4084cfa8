begin;
select plan(8);

select tests.arrange_cast();
select tests.act_as_worker();

select results_eq(
  $$ select j.status::text, j.stats, j.ref, j.attempt, j.completed_at is null
     from record_index_run(tests.alice_repository(), p_stats => '{"files_indexed": null}') as j $$,
  $$ values ('completed', '{"files_indexed": null}'::jsonb, 'HEAD', 1, false) $$,
  'a finished run is recorded as a completed job');
select results_eq(
  $$ select j.status::text, j.error_message, j.ref, j.commit_sha
     from record_index_run(tests.alice_repository(), 'failed', p_error => 'no such ref',
       p_ref => 'dev', p_commit_sha => repeat('a', 40)) as j $$,
  $$ values ('failed', 'no such ref', 'dev', repeat('a', 40)) $$,
  'a failed run is recorded as a failed job');
select is(
  tests.refusal($$ select record_index_run(tests.alice_repository(), 'failed') $$),
  'PT422 error_required error', 'the error must be in its own argument');
select is(
  tests.refusal($$ select record_index_run(tests.alice_repository(), 'processing') $$),
  'PT422 unknown_status status', 'a recorded run must have ended');
select is(
  tests.refusal($$ select record_index_run(gen_random_uuid()) $$),
  'PT404', 'a repository is required');

select tests.act_as(tests.alice());
select throws_ok(
  $$ select record_index_run(tests.alice_repository()) $$,
  '42501', null, 'a user may not record runs');
select tests.act_as_admin();
select is(
  (select count(*) from public.index_jobs), 2::bigint, 'a rejected run leaves nothing');
select tests.act_as_job_worker();
select lives_ok(
  $$ select record_index_run(tests.alice_repository()) $$, 'a worker may record a run');

select * from finish();
rollback;
