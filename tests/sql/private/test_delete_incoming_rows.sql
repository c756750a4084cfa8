begin;
select plan(2);

create temp view sent as
select transaction from private.incoming_files
union all select transaction from private.incoming_symbols
union all select transaction from private.incoming_skipped
union all select transaction from private.gone_files;
select tests.send_file(1, 'a.py', 1);
insert into private.incoming_skipped (path, reason) values ('x', 'binary');
insert into private.gone_files (id) values (1);
insert into private.gone_files (transaction, id) values ('3', 1);
select is((select count(*)::integer from sent), 5, 'each staging table has a row');
select private.delete_incoming_rows();
select results_eq('select s.transaction::text from sent as s', array['3'],
  'only the rows of this transaction are deleted');

select * from finish();
rollback;
