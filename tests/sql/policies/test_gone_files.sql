begin;
select plan(8);

select is(
  (select c.relrowsecurity from pg_class as c where c.oid = 'private.gone_files'::regclass), false,
  'row-level security is off, because COPY FROM rejects it');
select tests.act_as_worker();
select is(
  tests.refusal($$ insert into private.gone_files (id) values (5) $$),
  'accepted', 'the service may insert rows');
select is(
  tests.refusal($$ insert into private.gone_files (transaction, id) values ('3', 5) $$),
  '42501', 'the service may not insert rows for another transaction');
select is(tests.refusal('table private.gone_files'), '42501', 'the service may not read rows');
select is(tests.refusal('delete from private.gone_files'), '42501',
  'the service may not delete rows');
select is(tests.refusal('truncate private.gone_files'), '42501',
  'the service may not truncate the table');
select tests.act_as(gen_random_uuid());
select is(
  tests.refusal($$ insert into private.gone_files (id) values (5) $$),
  '42501', 'a user may not insert rows');
select tests.act_as_admin();
select results_eq(
  'select t.transaction from private.gone_files as t', 'select pg_current_xact_id()',
  'a row records the transaction that inserted it');

select * from finish();
rollback;
