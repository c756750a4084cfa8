begin;
select plan(9);

select tests.arrange_cast();
select tests.arrange_job('earlier', 'completed');
select tests.arrange_job('job', 'processing');
insert into indexed_files (repository_id, job_id, path, bytes, blob_sha) values
  (tests.alice_repository(), tests.id('earlier'), 'old.py', 1, 'x'),
  (tests.acme_repository(), tests.id('earlier'), 'of_another.py', 1, 'x');

select tests.act_as_worker();
select tests.send_file(1, 'a.py', 2);
select is(
  store_index_rows(tests.id('job'), 1), 3::bigint,
  'the sent rows are stored: a file and two symbols');
select tests.send_file(2, 'b.py', 3);
select is(store_index_rows(tests.id('job'), 1), 7::bigint, 'rows sent later are stored too');
select set_eq(
  'select f.path from indexed_files as f', array['a.py', 'b.py', 'of_another.py'],
  'they replace the stored rows of the repository');
select is(
  complete_index(tests.id('job'), 1, tests.worker(1), 'x', null, repeat('c', 40),
    '{"files_indexed": 2, "symbols_extracted": 5}'),
  'stored', 'complete_index counts all of them');
select is(
  tests.refusal('set constraints all immediate'), 'accepted', 'then they may be committed');
set constraints all deferred;

select tests.act_as_admin();
select tests.arrange_job('late', 'processing');
select tests.act_as_worker();
select is(
  tests.refusal($$ select store_index_rows(tests.id('late'), 7) $$),
  'PT409 stale_attempt attempt', 'a worker that does not hold the attempt cannot store rows');
select store_index_rows(tests.id('late'), 1);
select is(
  tests.refusal('set constraints all immediate'), 'PT409 index_not_completed job_id',
  'rows of a job that is not completed cannot be committed');
select is(
  tests.refusal($$ select store_index_rows(gen_random_uuid(), 1) $$), 'PT404',
  'an unknown job is not found, without a detail');
select tests.act_as(tests.alice());
select is(
  tests.refusal($$ select store_index_rows(tests.id('late'), 1) $$), '42501',
  'a user may not store rows');

select * from finish();
rollback;
