begin;
select plan(12);

select policies_are('private', 'admin_audit', array[]::name[],
  'there are no policies, only grants');

select tests.arrange_cast();

select tests.act_as(tests.alice());
select is(
  tests.refusal('select t.* from private.admin_audit as t'), '42501', 'users may not read');
select is(
  tests.refusal($$ insert into private.admin_audit (at, actor, action, outcome) values (now(), 'x', 'x', 'ok') $$),
  '42501', 'users may not write');
select tests.act_as_anon();
select is(
  tests.refusal('select t.* from private.admin_audit as t'), '42501', 'anon may not read');
select is(
  tests.refusal($$ insert into private.admin_audit (at, actor, action, outcome) values (now(), 'x', 'x', 'ok') $$),
  '42501', 'anon may not write');
select tests.act_as_http();
select is(
  tests.refusal('select t.* from private.admin_audit as t'), '42501',
  'the HTTP layer may not read');
select is(
  tests.refusal($$ insert into private.admin_audit (at, actor, action, outcome) values (now(), 'x', 'x', 'ok') $$),
  '42501', 'the HTTP layer may not write');

select tests.act_as_worker();
select is(
  tests.refusal($$ select a.id from private.admin_audit as a $$),
  'accepted', 'the service may read the audit');
select is(
  tests.refusal($$ insert into private.admin_audit (at, actor, action, outcome) values (now(), 'x', 'x', 'ok') $$),
  '42501', 'the service may not insert');
select is(
  tests.refusal($$ update private.admin_audit set actor = 'x' $$), '42501',
  'the service may not update');
select is(
  tests.refusal($$ delete from private.admin_audit $$), '42501', 'the service may not delete');
select is(
  tests.refusal($$ truncate private.admin_audit $$), '42501', 'the service may not truncate');

select * from finish();
rollback;
