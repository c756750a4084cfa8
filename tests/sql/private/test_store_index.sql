begin;
select plan(5);

select tests.arrange_cast();
select tests.arrange_job('job', 'processing');
select tests.arrange_job('change', 'processing');

select tests.send_file(1, 'a.py', 2);
select is(
  tests.refusal($$ select private.store_index(tests.job_row('job'), false,
    '{"files_indexed": 1, "symbols_extracted": 3}') $$),
  'PT409 rows_missing stats', 'rows that the stats do not count are refused');
select private.store_index(tests.job_row('job'), false,
  '{"files_indexed": 1, "symbols_extracted": 2}');
select set_eq('select f.path from indexed_files as f', array['a.py'], 'others are stored');
select private.delete_incoming_rows();

select tests.send_file(1, 'b.py', 1);
select private.store_index(tests.job_row('change'), true,
  '{"files_indexed": 2, "symbols_extracted": 3}');
select set_eq(
  'select f.path from indexed_files as f', array['a.py', 'b.py'],
  'a change leaves the rows that it does not name');
select private.delete_incoming_rows();
select tests.arrange_job('again', 'processing');
select tests.send_file(1, 'a.py', 1);
select is(
  tests.refusal($$ select private.store_index(tests.job_row('again'), true,
    '{"files_indexed": 2, "symbols_extracted": 3}') $$),
  'PT409 rows_missing stats', 'a file that stays is not sent again');
select tests.act_as_worker();
select is(
  tests.refusal($$ select private.store_index(null, false, '{}') $$), '42501',
  'nobody stores rows without completing their job');

select * from finish();
rollback;
