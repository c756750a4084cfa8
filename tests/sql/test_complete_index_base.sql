begin;
select plan(4);

select tests.arrange_cast();
select tests.arrange_job('first', 'processing');
select tests.arrange_job('same', 'processing');
select tests.arrange_job('next', 'processing');
select tests.act_as_worker();
select tests.send_file(1, 'a.py', 2);
select complete_index(tests.id('first'), 1, tests.worker(1), 'x', null, repeat('c', 40),
  '{"files_indexed": 1, "symbols_extracted": 2}');

select complete_index(tests.id('same'), 1, tests.worker(1), 'x', tests.id('first'),
  repeat('c', 40));
select is(
  (select j.stats from index_jobs as j where j.id = tests.id('same')),
  jsonb_build_object('files_indexed', 1, 'symbols_extracted', 2, 'files_unchanged', 1,
    'reused', true, 'reused_job_id', tests.id('first')),
  'a job for the same commit must name the job whose rows it uses');
select tests.send_file(1, 'b.py', 1);
select is(
  complete_index(tests.id('next'), 1, tests.worker(1), 'x', tests.id('same'), repeat('d', 40),
    '{"files_indexed": 2, "symbols_extracted": 3}'),
  'base_changed', 'only the job that stored the rows is a valid base');
select tests.send_file(1, 'b.py', 1);
select is(
  complete_index(tests.id('next'), 1, tests.worker(1), 'x', tests.id('first'), repeat('d', 40),
    '{"files_indexed": 2, "symbols_extracted": 3}'),
  'stored', 'with this base the changed files are enough');
select set_eq(
  'select f.path from indexed_files as f', array['a.py', 'b.py'], 'the other files stay');

select * from finish();
rollback;
