begin;
select plan(3);

select tests.act_as_worker();
select is(tests.refusal('table private.index_durations'), '42501', 'the service may not read');
select is(
  tests.refusal('delete from private.index_durations'), '42501', 'the service may not delete');
select tests.act_as(gen_random_uuid());
select is(tests.refusal('table private.index_durations'), '42501', 'a user may not read');

select * from finish();
rollback;
