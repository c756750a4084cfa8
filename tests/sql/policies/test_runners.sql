begin;
select plan(3);

select tests.act_as(tests.bob());
select is(
  tests.refusal('select from private.runners'), '42501', 'users do not see where workers run');
select tests.act_as_worker();
select is(tests.refusal('select from private.runners'), 'accepted', 'the service does');
select is(
  tests.refusal('delete from private.runners'), '42501', 'and changes it by functions only');

select * from finish();
rollback;
