begin;
select plan(8);

select tests.arrange_cast();
select tests.arrange_job('job', 'processing');
select tests.arrange_job('pending');
select tests.arrange_job('ended', 'completed');

select tests.act_as_worker();
select results_eq(
  $$ select b.* from begin_index(tests.id('job'), 1, 'x 1') as b $$,
  $$ values ('https://example.com/alice/app.git', null::uuid, null::text, null::jsonb) $$,
  'a worker learns where the repository is, and that nothing is stored of it');
select tests.act_as_admin();
insert into indexed_commits (repository_id, job_id, commit_sha, extractor, stats)
values (tests.alice_repository(), tests.id('ended'), repeat('c', 40), 'x 1', '{"files_indexed": 0}');
select tests.act_as_worker();
select results_eq(
  $$ select b.* from begin_index(tests.id('job'), 1, 'x 1') as b $$,
  $$ values ('https://example.com/alice/app.git', tests.id('ended'), repeat('c', 40),
       '{"files_indexed": 0}'::jsonb) $$,
  'or what is stored, and by which job');
select results_eq(
  $$ select b.base_job_id from begin_index(tests.id('job'), 1, 'x 2') as b $$,
  array[null::uuid], 'what another extractor stored is no base');
select is(
  tests.refusal($$ select begin_index(tests.id('job'), 2, 'x 1') $$),
  'PT409 stale_attempt attempt', 'a worker that does not hold the attempt learns nothing');
select is(
  tests.refusal($$ select begin_index(tests.id('pending'), null, 'x 1') $$),
  'PT409 not_processing job_id', 'nor does one that has not claimed the job');
select is(
  tests.refusal($$ select begin_index(tests.id('ended'), 1, 'x 1') $$),
  'PT409 not_processing job_id', 'nor one that has ended it');
select is(
  tests.refusal($$ select begin_index(gen_random_uuid(), 1, 'x 1') $$), 'PT404',
  'an unknown job is not found, without a detail');
select tests.act_as(tests.alice());
select is(
  tests.refusal($$ select begin_index(tests.id('job'), 1, 'x 1') $$), '42501',
  'a user begins nothing');

select * from finish();
rollback;
