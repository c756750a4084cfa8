begin;
select plan(3);

select tests.act_as_worker();
select is(tests.refusal('table private.index_durations'), '42501', 'the service does not look');
select is(
  tests.refusal('delete from private.index_durations'), '42501', 'nor does it remove any');
select tests.act_as(gen_random_uuid());
select is(tests.refusal('table private.index_durations'), '42501', 'a user does not look');

select * from finish();
rollback;
