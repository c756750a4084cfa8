begin;
select plan(3);

select tests.act_as(tests.bob());
select is(
  tests.refusal('select from private.runners'), '42501', 'users may not see where workers run');
select tests.act_as_worker();
select is(tests.refusal('select from private.runners'), 'accepted',
  'the service may see where workers run');
select is(
  tests.refusal('delete from private.runners'), '42501',
  'the service may change runners only through functions');

select * from finish();
rollback;
