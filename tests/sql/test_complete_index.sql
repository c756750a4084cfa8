begin;
select plan(12);

select tests.arrange_cast();
select tests.arrange_job('job', 'processing');
select tests.arrange_job('same', 'processing');
select tests.arrange_job('change', 'processing');

select tests.act_as_worker();
select tests.send_file(1, 'a.py', 2);
select is(
  complete_index(tests.id('job'), 1, tests.worker(1), 'x', null, repeat('c', 40),
    '{"files_indexed": 1, "symbols_extracted": 2}', 'symbols', 1, 1),
  'stored', 'rows are stored');
select results_eq(
  $$ select j.status::text, j.commit_sha, j.stats, j.progress ->> 'phase'
     from index_jobs as j where j.id = tests.id('job') $$,
  $$ values ('completed', repeat('c', 40), '{"files_indexed": 1, "symbols_extracted": 2}'::jsonb,
       'symbols') $$,
  'the job is completed with its stats and last progress');
select set_eq(
  'select f.path, s.name from indexed_files as f join symbols as s on s.file_id = f.id',
  $$ values ('a.py', 'f1'), ('a.py', 'f2') $$, 'the symbols belong to the file');
select is(
  complete_index(tests.id('job'), 1, tests.worker(1), 'x', null, repeat('c', 40),
    '{"files_indexed": 1, "symbols_extracted": 2}'),
  'stored', 'a repeat returns the same result');
select is(
  tests.refusal($$ select complete_index(tests.id('job'), 1, tests.worker(1), 'x', null,
    repeat('c', 40), '{"files_indexed": 0, "symbols_extracted": 0}') $$),
  'PT409 conflicting_repeat stats', 'a repeat with another result is rejected');
select is(
  complete_index(tests.id('same'), 1, tests.worker(1), 'x', tests.id('job'), repeat('c', 40)),
  'reused', 'the same commit needs no rows');
select is(
  complete_index(tests.id('change'), 1, tests.worker(1), 'y', tests.id('job'), repeat('c', 40)),
  'base_changed', 'rows of another extractor are not a base');
select is(
  tests.refusal($$ select complete_index(tests.id('change'), 1, tests.worker(1), 'x', null,
    repeat('d', 40), '{"files_indexed": 1, "symbols_extracted": 2}') $$),
  'PT409 rows_missing stats', 'the stats must match the rows that were sent');
select is(
  tests.refusal($$ select complete_index(tests.id('change'), 2, tests.worker(1), 'x', null,
    repeat('d', 40), '{"files_indexed": 0, "symbols_extracted": 0}') $$),
  'PT409 stale_attempt attempt', 'a worker that does not hold the attempt cannot complete the job');
select is(
  tests.refusal($$ select complete_index(tests.id('change'), 1, tests.worker(1), '', null,
    repeat('d', 40), '{"files_indexed": 0, "symbols_extracted": 0}') $$),
  'PT422 invalid_extractor extractor', 'an extractor must have a name');
select is(
  tests.refusal($$ select complete_index(gen_random_uuid(), 1, tests.worker(1), 'x', null,
    repeat('d', 40)) $$),
  'PT404', 'an unknown job is not found, without a detail');
select tests.act_as(tests.alice());
select is(
  tests.refusal($$ select complete_index(tests.id('change'), 1, tests.worker(1), 'x') $$), '42501',
  'a user may not call it');

select * from finish();
rollback;
