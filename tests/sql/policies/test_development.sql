begin;
select plan(2);

select tests.act_as(tests.bob());
select is(
  tests.refusal($$ insert into private.development (made_by) values ('bob') $$), '42501',
  'users do not say what a database is for');
select tests.act_as_worker();
select is(
  tests.refusal($$ insert into private.development (made_by) values ('service') $$), '42501',
  'nor does the service');

select * from finish();
rollback;
