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
  'a worker gets the URL of the repository, and no base without an index');
select tests.act_as_admin();
insert into indexed_commits (repository_id, job_id, commit_sha, extractor, stats)
values (tests.alice_repository(), tests.id('ended'), repeat('c', 40), 'x 1', '{"files_indexed": 0}');
select tests.act_as_worker();
select results_eq(
  $$ select b.* from begin_index(tests.id('job'), 1, 'x 1') as b $$,
  $$ values ('https://example.com/alice/app.git', tests.id('ended'), repeat('c', 40),
       '{"files_indexed": 0}'::jsonb) $$,
  'a worker gets the stored commit and its job');
select results_eq(
  $$ select b.base_job_id from begin_index(tests.id('job'), 1, 'x 2') as b $$,
  array[null::uuid], 'an index of another extractor is not a base');
select is(
  tests.refusal($$ select begin_index(tests.id('job'), 2, 'x 1') $$),
  'PT409 stale_attempt attempt', 'a worker that does not hold the attempt gets nothing');
select is(
  tests.refusal($$ select begin_index(tests.id('pending'), null, 'x 1') $$),
  'PT409 not_processing job_id', 'a worker that has not claimed the job gets nothing');
select is(
  tests.refusal($$ select begin_index(tests.id('ended'), 1, 'x 1') $$),
  'PT409 not_processing job_id', 'a worker that has ended the job gets nothing');
select is(
  tests.refusal($$ select begin_index(gen_random_uuid(), 1, 'x 1') $$), 'PT404',
  'an unknown job is not found, without a detail');
select tests.act_as(tests.alice());
select is(
  tests.refusal($$ select begin_index(tests.id('job'), 1, 'x 1') $$), '42501',
  'a user may not call it');

select * from finish();
rollback;
