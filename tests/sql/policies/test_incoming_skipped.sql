begin;
select plan(8);

select is(
  (select c.relrowsecurity from pg_class as c where c.oid = 'private.incoming_skipped'::regclass), false,
  'COPY FROM is possible: it refuses row-level security');
select tests.act_as_worker();
select is(
  tests.refusal($$ insert into private.incoming_skipped (path, reason) values ('a.png', 'binary') $$),
  'accepted', 'the service sends rows');
select is(
  tests.refusal($$ insert into private.incoming_skipped (transaction, path, reason) values ('3', 'a.png', 'binary') $$),
  '42501', 'not for another transaction');
select is(tests.refusal('table private.incoming_skipped'), '42501', 'it does not read what others sent');
select is(tests.refusal('delete from private.incoming_skipped'), '42501', 'nor remove it');
select is(tests.refusal('truncate private.incoming_skipped'), '42501', 'nor all of it');
select tests.act_as(gen_random_uuid());
select is(
  tests.refusal($$ insert into private.incoming_skipped (path, reason) values ('a.png', 'binary') $$),
  '42501', 'a user sends nothing');
select tests.act_as_admin();
select results_eq(
  'select t.transaction from private.incoming_skipped as t', 'select pg_current_xact_id()',
  'a row knows the transaction that sent it');

select * from finish();
rollback;
