begin;
select plan(5);

select results_eq(
  $$ select c.created_at, c.id from private.parse_cursor(
       '2026-03-01T12:00:00.123456+05:45,00000000-0000-4000-8000-0000000000a1') as c $$,
  $$ values (timestamptz '2026-03-01 06:15:00.123456+00', tests.alice()) $$,
  'a cursor is a time with zone and an id');
select results_eq(
  'select c.created_at from private.parse_cursor(null) as c',
  $$ values ('infinity'::timestamptz) $$, 'without a cursor the page starts at the newest row');
select is(
  tests.refusal($$ select private.parse_cursor('infinity,' || tests.alice()) $$),
  'PT422 invalid_cursor cursor', 'other spellings of a time are rejected');
select is(
  tests.refusal($$ select private.parse_cursor('2026-02-30T12:00:00Z,' || tests.alice()) $$),
  'PT422 invalid_cursor cursor', 'a day that does not exist is rejected');
select is(
  tests.refusal($$ select private.parse_cursor('') $$), 'PT422 invalid_cursor cursor',
  'an empty cursor is rejected');

select * from finish();
rollback;
