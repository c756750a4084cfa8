begin;
select plan(5);

select is(
  tests.refusal($$ select private.check_batch('0', 1) $$), 'accepted',
  'the smallest batch is accepted');
select is(
  tests.refusal($$ select private.check_batch('90 days', 10000) $$), 'accepted',
  'the largest batch is accepted');
select is(
  tests.refusal($$ select private.check_batch('-1 second', 1) $$),
  'PT422 invalid_older_than older_than', 'an age may not be negative');
select is(
  tests.refusal($$ select private.check_batch('300000 years', 1) $$),
  'PT422 invalid_older_than older_than', 'an age may not exceed the calendar');
select is(
  tests.refusal($$ select private.check_batch('1 second', 10001) $$), 'PT422 invalid_limit limit',
  'the batch size is limited');

select * from finish();
rollback;
