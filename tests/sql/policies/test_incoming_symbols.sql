begin;
select plan(8);

select is(
  (select c.relrowsecurity from pg_class as c where c.oid = 'private.incoming_symbols'::regclass), false,
  'row-level security is off, because COPY FROM rejects it');
select tests.act_as_worker();
select is(
  tests.refusal($$ insert into private.incoming_symbols (file_no, name, kind, start_line, end_line) values (1, 'f', 'function', 1, 2) $$),
  'accepted', 'the service may insert rows');
select is(
  tests.refusal($$ insert into private.incoming_symbols (transaction, file_no, name, kind, start_line, end_line) values ('3', 1, 'f', 'function', 1, 2) $$),
  '42501', 'the service may not insert rows for another transaction');
select is(tests.refusal('table private.incoming_symbols'), '42501',
  'the service may not read rows');
select is(tests.refusal('delete from private.incoming_symbols'), '42501',
  'the service may not delete rows');
select is(tests.refusal('truncate private.incoming_symbols'), '42501',
  'the service may not truncate the table');
select tests.act_as(gen_random_uuid());
select is(
  tests.refusal($$ insert into private.incoming_symbols (file_no, name, kind, start_line, end_line) values (1, 'f', 'function', 1, 2) $$),
  '42501', 'a user may not insert rows');
select tests.act_as_admin();
select results_eq(
  'select t.transaction from private.incoming_symbols as t', 'select pg_current_xact_id()',
  'a row records the transaction that inserted it');

select * from finish();
rollback;
