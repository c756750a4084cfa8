begin;
select plan(8);

select is(
  (select c.relrowsecurity from pg_class as c where c.oid = 'private.incoming_skipped'::regclass), false,
  'row-level security is off, because COPY FROM rejects it');
select tests.act_as_worker();
select is(
  tests.refusal($$ insert into private.incoming_skipped (path, reason) values ('a.png', 'binary') $$),
  'accepted', 'the service may insert rows');
select is(
  tests.refusal($$ insert into private.incoming_skipped (transaction, path, reason) values ('3', 'a.png', 'binary') $$),
  '42501', 'the service may not insert rows for another transaction');
select is(tests.refusal('table private.incoming_skipped'), '42501',
  'the service may not read rows');
select is(tests.refusal('delete from private.incoming_skipped'), '42501',
  'the service may not delete rows');
select is(tests.refusal('truncate private.incoming_skipped'), '42501',
  'the service may not truncate the table');
select tests.act_as(gen_random_uuid());
select is(
  tests.refusal($$ insert into private.incoming_skipped (path, reason) values ('a.png', 'binary') $$),
  '42501', 'a user may not insert rows');
select tests.act_as_admin();
select results_eq(
  'select t.transaction from private.incoming_skipped as t', 'select pg_current_xact_id()',
  'a row records the transaction that inserted it');

select * from finish();
rollback;
