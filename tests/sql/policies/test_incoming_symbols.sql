begin;
select plan(8);

select is(
  (select c.relrowsecurity from pg_class as c where c.oid = 'private.incoming_symbols'::regclass), false,
  'COPY FROM is possible: it refuses row-level security');
select tests.act_as_worker();
select is(
  tests.refusal($$ insert into private.incoming_symbols (file_no, name, kind, start_line, end_line) values (1, 'f', 'function', 1, 2) $$),
  'accepted', 'the service sends rows');
select is(
  tests.refusal($$ insert into private.incoming_symbols (transaction, file_no, name, kind, start_line, end_line) values ('3', 1, 'f', 'function', 1, 2) $$),
  '42501', 'not for another transaction');
select is(tests.refusal('table private.incoming_symbols'), '42501', 'it does not read what others sent');
select is(tests.refusal('delete from private.incoming_symbols'), '42501', 'nor remove it');
select is(tests.refusal('truncate private.incoming_symbols'), '42501', 'nor all of it');
select tests.act_as(gen_random_uuid());
select is(
  tests.refusal($$ insert into private.incoming_symbols (file_no, name, kind, start_line, end_line) values (1, 'f', 'function', 1, 2) $$),
  '42501', 'a user sends nothing');
select tests.act_as_admin();
select results_eq(
  'select t.transaction from private.incoming_symbols as t', 'select pg_current_xact_id()',
  'a row knows the transaction that sent it');

select * from finish();
rollback;
