begin;
select plan(8);

select is(
  (select c.relrowsecurity from pg_class as c where c.oid = 'private.incoming_files'::regclass), false,
  'COPY FROM is possible: it refuses row-level security');
select tests.act_as_worker();
select is(
  tests.refusal($$ insert into private.incoming_files (file_no, path, bytes, blob_sha) values (1, 'a.py', 10, 'b') $$),
  'accepted', 'the service sends rows');
select is(
  tests.refusal($$ insert into private.incoming_files (transaction, file_no, path, bytes, blob_sha) values ('3', 1, 'a.py', 10, 'b') $$),
  '42501', 'not for another transaction');
select is(tests.refusal('table private.incoming_files'), '42501', 'it does not read what others sent');
select is(tests.refusal('delete from private.incoming_files'), '42501', 'nor remove it');
select is(tests.refusal('truncate private.incoming_files'), '42501', 'nor all of it');
select tests.act_as(gen_random_uuid());
select is(
  tests.refusal($$ insert into private.incoming_files (file_no, path, bytes, blob_sha) values (1, 'a.py', 10, 'b') $$),
  '42501', 'a user sends nothing');
select tests.act_as_admin();
select results_eq(
  'select t.transaction from private.incoming_files as t', 'select pg_current_xact_id()',
  'a row knows the transaction that sent it');

select * from finish();
rollback;
