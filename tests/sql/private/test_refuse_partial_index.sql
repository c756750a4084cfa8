begin;
select plan(4);

select tests.arrange_cast();
select tests.arrange_job('job', 'processing');
select tests.arrange_job('completed', 'completed');
insert into indexed_commits (repository_id, job_id, commit_sha, extractor, stats)
values (tests.alice_repository(), tests.id('completed'), 'c', 'x', '{}');
select is(
  tests.refusal('set constraints all immediate'), 'accepted',
  'what a completed job has stored may be committed');
set constraints all deferred;
update indexed_commits set job_id = tests.id('job');
select is(
  tests.refusal('set constraints all immediate'), 'PT409 index_not_completed job_id',
  'what another one has stored may not');
update index_jobs set status = 'failed', error_message = 'x', completed_at = updated_at
where id = tests.id('job');
select is(
  tests.refusal('set constraints all immediate'), 'PT409 index_not_completed job_id',
  'not even when that job has ended');
delete from repositories as r where r.id = tests.alice_repository();
select is(
  tests.refusal('set constraints all immediate'), 'accepted',
  'a repository that is deleted holds nothing up');

select * from finish();
rollback;
