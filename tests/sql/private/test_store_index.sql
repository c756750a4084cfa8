begin;
select plan(5);

select tests.arrange_cast();
select tests.arrange_job('job', 'processing');
select tests.arrange_job('change', 'processing');

select tests.send_file(1, 'a.py', 2);
select is(
  tests.refusal($$ select private.store_index(tests.job_row('job'), false,
    '{"files_indexed": 1, "symbols_extracted": 3}') $$),
  'PT409 rows_missing stats', 'rows that differ from the stats are rejected');
select private.store_index(tests.job_row('job'), false,
  '{"files_indexed": 1, "symbols_extracted": 2}');
select set_eq('select f.path from indexed_files as f', array['a.py'], 'matching rows are stored');
select private.delete_incoming_rows();

select tests.send_file(1, 'b.py', 1);
select private.store_index(tests.job_row('change'), true,
  '{"files_indexed": 2, "symbols_extracted": 3}');
select set_eq(
  'select f.path from indexed_files as f', array['a.py', 'b.py'],
  'rows that a change does not name stay');
select private.delete_incoming_rows();
select tests.arrange_job('again', 'processing');
select tests.send_file(1, 'a.py', 1);
select is(
  tests.refusal($$ select private.store_index(tests.job_row('again'), true,
    '{"files_indexed": 2, "symbols_extracted": 3}') $$),
  'PT409 rows_missing stats', 'a file that is kept must not be sent again');
select tests.act_as_worker();
select is(
  tests.refusal($$ select private.store_index(null, false, '{}') $$), '42501',
  'rows cannot be stored without completing the job');

select * from finish();
rollback;
