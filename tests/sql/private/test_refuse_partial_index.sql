begin;
select plan(4);

select tests.arrange_cast();
select tests.arrange_job('job', 'processing');
select tests.arrange_job('completed', 'completed');
insert into indexed_commits (repository_id, job_id, commit_sha, extractor, stats)
values (tests.alice_repository(), tests.id('completed'), 'c', 'x', '{}');
select is(
  tests.refusal('set constraints all immediate'), 'accepted',
  'rows of a completed job may be committed');
set constraints all deferred;
update indexed_commits set job_id = tests.id('job');
select is(
  tests.refusal('set constraints all immediate'), 'PT409 index_not_completed job_id',
  'rows of another job may not be committed');
update index_jobs set status = 'failed', error_message = 'x', completed_at = updated_at
where id = tests.id('job');
select is(
  tests.refusal('set constraints all immediate'), 'PT409 index_not_completed job_id',
  'rows of another job may not be committed even after its end');
delete from repositories as r where r.id = tests.alice_repository();
select is(
  tests.refusal('set constraints all immediate'), 'accepted',
  'a deleted repository blocks no commit');

select * from finish();
rollback;
