begin;
select plan(4);

select tests.arrange_cast();
select tests.arrange_job('job', 'completed');
select is_empty(
  $$ select from private.read_indexed_commit(tests.alice_repository(), 'x') $$,
  'nothing is stored of a new repository');
insert into indexed_commits (repository_id, job_id, commit_sha, extractor, stats)
values (tests.alice_repository(), tests.id('job'), 'c', 'x', '{"files_indexed": 1}');
insert into indexed_files (repository_id, job_id, path, bytes, blob_sha)
values (tests.alice_repository(), tests.id('job'), 'a.py', 1, 'x');
select is(
  (select c.commit_sha from private.read_indexed_commit(tests.alice_repository(), 'x') as c), 'c',
  'what is stored is found');
select is_empty(
  $$ select from private.read_indexed_commit(tests.alice_repository(), 'y') $$,
  'but not what another extractor has made');
delete from indexed_files;
select is_empty(
  $$ select from private.read_indexed_commit(tests.alice_repository(), 'x') $$,
  'nor what is not whole any more');

select * from finish();
rollback;
