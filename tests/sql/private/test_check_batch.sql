begin;
select plan(5);

select is(
  tests.refusal($$ select private.check_batch('0', 1) $$), 'accepted', 'the smallest batch');
select is(
  tests.refusal($$ select private.check_batch('90 days', 10000) $$), 'accepted', 'the largest');
select is(
  tests.refusal($$ select private.check_batch('-1 second', 1) $$),
  'PT422 invalid_older_than older_than', 'an age is not negative');
select is(
  tests.refusal($$ select private.check_batch('300000 years', 1) $$),
  'PT422 invalid_older_than older_than', 'nor does it lead out of the calendar');
select is(
  tests.refusal($$ select private.check_batch('1 second', 10001) $$), 'PT422 invalid_limit limit',
  'a batch is bounded');

select * from finish();
rollback;
