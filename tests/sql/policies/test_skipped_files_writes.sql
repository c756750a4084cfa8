begin;
select plan(1);

select tests.arrange_cast();
select tests.arrange_job('first', 'processing');
select tests.arrange_job('second', 'processing');
select tests.act_as_worker();
insert into private.incoming_skipped (path, reason) values ('a.bin', 'binary');
select complete_index(tests.id('first'), 1, tests.worker(1), 'x', null, repeat('c', 40),
  '{"files_indexed": 0, "symbols_extracted": 0}');
insert into private.incoming_skipped (path, reason) values ('b.bin', 'binary');
select complete_index(tests.id('second'), 1, tests.worker(1), 'x', null, repeat('d', 40),
  '{"files_indexed": 0, "symbols_extracted": 0}');
select results_eq(
  'select k.path from skipped_files as k', array['b.bin'],
  'storing the next index deletes the skipped files of the previous job');

select * from finish();
rollback;
