begin;
select plan(5);

select results_eq(
  $$ select c.created_at, c.id from private.parse_cursor(
       '2026-03-01T12:00:00.123456+05:45,00000000-0000-4000-8000-0000000000a1') as c $$,
  $$ values (timestamptz '2026-03-01 06:15:00.123456+00', tests.alice()) $$,
  'a time with its zone and an id');
select results_eq(
  'select c.created_at from private.parse_cursor(null) as c',
  $$ values ('infinity'::timestamptz) $$, 'without one it is above all rows');
select is(
  tests.refusal($$ select private.parse_cursor('infinity,' || tests.alice()) $$),
  'PT422 invalid_cursor cursor', 'no other spelling of a time');
select is(
  tests.refusal($$ select private.parse_cursor('2026-02-30T12:00:00Z,' || tests.alice()) $$),
  'PT422 invalid_cursor cursor', 'no day that there is not');
select is(
  tests.refusal($$ select private.parse_cursor('') $$), 'PT422 invalid_cursor cursor',
  'not nothing');

select * from finish();
rollback;
