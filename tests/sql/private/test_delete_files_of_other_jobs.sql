begin;
select plan(2);

select tests.arrange_cast();
select tests.arrange_job('job', 'processing');
insert into indexed_files (repository_id, job_id, path, bytes, blob_sha) values
  (tests.alice_repository(), tests.id('job'), 'own', 1, 'x'),
  (tests.alice_repository(), gen_random_uuid(), 'other', 1, 'x'),
  (tests.alice_repository(), null, 'unknown', 1, 'x'),
  (tests.acme_repository(), gen_random_uuid(), 'elsewhere', 1, 'x');
insert into skipped_files (repository_id, job_id, path, reason) values
  (tests.alice_repository(), tests.id('job'), 'own', 'binary'),
  (tests.alice_repository(), gen_random_uuid(), 'other', 'binary'),
  (tests.acme_repository(), gen_random_uuid(), 'elsewhere', 'binary');
select private.delete_files_of_other_jobs(tests.job_row('job'));
select set_eq(
  'select f.path from indexed_files as f', array['own', 'elsewhere'],
  'files of other jobs are deleted; those of the job and of other repositories stay');
select set_eq(
  'select k.path from skipped_files as k', array['own', 'elsewhere'],
  'the same holds for skipped files');

select * from finish();
rollback;
