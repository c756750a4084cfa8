begin;
select plan(4);

select tests.arrange_cast();
select tests.arrange_job('job', 'completed');
select is_empty(
  $$ select from private.read_indexed_commit(tests.alice_repository(), 'x') $$,
  'a new repository has nothing stored');
insert into indexed_commits (repository_id, job_id, commit_sha, extractor, stats)
values (tests.alice_repository(), tests.id('job'), 'c', 'x', '{"files_indexed": 1}');
insert into indexed_files (repository_id, job_id, path, bytes, blob_sha)
values (tests.alice_repository(), tests.id('job'), 'a.py', 1, 'x');
select is(
  (select c.commit_sha from private.read_indexed_commit(tests.alice_repository(), 'x') as c), 'c',
  'a stored commit is found');
select is_empty(
  $$ select from private.read_indexed_commit(tests.alice_repository(), 'y') $$,
  'a commit stored by another extractor is not found');
delete from indexed_files;
select is_empty(
  $$ select from private.read_indexed_commit(tests.alice_repository(), 'x') $$,
  'an incomplete commit is not found');

select * from finish();
rollback;
