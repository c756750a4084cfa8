begin;
select plan(10);

select tests.arrange_cast();
select tests.arrange_job('job', 'processing');

select tests.send_file(1, 'a.py', 2);
insert into private.incoming_skipped (path, reason) values (repeat('x', 3000), 'binary');
select results_eq(
  $$ select m.* from private.store_incoming_rows(tests.job_row('job')) as m $$,
  'values (1::bigint, 2::bigint)', 'it returns the number of stored rows');
select results_eq(
  $$ select m.* from private.store_incoming_rows(tests.job_row('job')) as m $$,
  'values (0::bigint, 0::bigint)', 'rows are stored once');
select is(
  (select length(k.path) from skipped_files as k), 2000, 'the path of a skipped file is truncated');
insert into private.incoming_symbols (file_no, name, kind, start_line, end_line)
values (1, 'g', 'function', 1, 1);
select results_eq(
  $$ select m.* from private.store_incoming_rows(tests.job_row('job')) as m $$,
  'values (0::bigint, 1::bigint)', 'symbols may follow their file');

create temp table bad (statement text, refusal text, rule text);
insert into bad values
  ($$ select tests.send_file(1, 'b.py', 1) $$, 'PT422 invalid_rows file_no',
    'two files with the same number'),
  ($$ select tests.send_file(2, 'b.py', 1), tests.send_file(3, 'b.py', 1) $$,
    'PT422 invalid_rows rows', 'a duplicate path'),
  ($$ insert into private.incoming_symbols (file_no, name, kind, start_line, end_line)
      values (9, 'g', 'function', 1, 1) $$,
    'PT422 invalid_rows file_no', 'a symbol of a file that was not sent'),
  ($$ insert into private.incoming_symbols (file_no, name, kind, start_line, end_line)
      values (1, 'g', 'A Kind', 1, 1) $$,
    'PT422 invalid_rows kind', 'a kind that is not a word'),
  ($$ insert into private.incoming_skipped (path, reason) values ('x', 'A Reason') $$,
    'PT422 invalid_rows rows', 'a reason that is not a word'),
  ($$ insert into private.incoming_skipped (path, reason)
      select n::text, 'binary' from generate_series(1, 10000) as n $$,
    'PT422 invalid_rows skipped', 'too many skipped files');
create function pg_temp.try(p_statement text)
returns text
language plpgsql
as $$
declare
  v_refusal text;
begin
  execute p_statement;
  v_refusal := tests.refusal($q$ select private.store_incoming_rows(tests.job_row('job')) $q$);
  raise exception using errcode = 'XXUND', message = v_refusal; -- rolls the statement back
exception when sqlstate 'XXUND' then
  return sqlerrm;
end;
$$;
select is(pg_temp.try(b.statement), b.refusal, 'refused: ' || b.rule) from bad as b;

select * from finish();
rollback;
