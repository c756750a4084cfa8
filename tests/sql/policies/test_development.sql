begin;
select plan(2);

select tests.act_as(tests.bob());
select is(
  tests.refusal($$ insert into private.development (made_by) values ('bob') $$), '42501',
  'users may not set the purpose of a database');
select tests.act_as_worker();
select is(
  tests.refusal($$ insert into private.development (made_by) values ('service') $$), '42501',
  'the service may not set the purpose of a database');

select * from finish();
rollback;
