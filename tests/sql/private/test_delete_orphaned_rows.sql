begin;
select plan(1);

create temp view sent as
select transaction from private.incoming_files
union all select transaction from private.incoming_symbols
union all select transaction from private.incoming_skipped
union all select transaction from private.gone_files;
select tests.send_file(1, 'a.py', 1);
insert into private.incoming_files (transaction, file_no, path, bytes, blob_sha)
values ('3', 1, 'a.py', 1, 'x');
insert into private.incoming_symbols (transaction, file_no, name, kind, start_line, end_line)
values ('3', 1, 'f', 'function', 1, 1);
insert into private.incoming_skipped (transaction, path, reason) values ('3', 'x', 'binary');
insert into private.gone_files (transaction, id) values ('3', 1);
select private.delete_orphaned_rows();
select results_eq('select s.transaction from sent as s', $$
  select pg_current_xact_id() from generate_series(1, 2) $$,
  'only rows of ended transactions are deleted');

select * from finish();
rollback;
