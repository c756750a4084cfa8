begin;
select plan(2);

select tests.arrange_cast();
select tests.arrange_job('job', 'processing');
insert into indexed_files (repository_id, path, bytes, blob_sha, symbol_count) values
  (tests.alice_repository(), 'kept', 1, 'x', 0),
  (tests.alice_repository(), 'gone', 1, 'x', 0),
  (tests.alice_repository(), 'unparsed', 1, 'x', null),
  (tests.acme_repository(), 'elsewhere', 1, 'x', 0);
insert into skipped_files (repository_id, job_id, path, reason) values
  (tests.alice_repository(), gen_random_uuid(), 'skipped', 'binary'),
  (tests.acme_repository(), gen_random_uuid(), 'elsewhere', 'binary');
insert into private.gone_files (id)
select f.id from indexed_files as f where f.path in ('gone', 'elsewhere');
select private.delete_gone_files(tests.job_row('job'));
select set_eq(
  'select f.path from indexed_files as f', array['kept', 'elsewhere'],
  'removed and unparsable files are deleted, but not those of other repositories');
select set_eq(
  'select k.path from skipped_files as k', array['elsewhere'],
  'all skipped files must be sent again');

select * from finish();
rollback;
