begin;
select plan(11);

select policies_are('private', 'accounts', array[]::name[], 'there are no policies, only grants');

select tests.arrange_cast();

select tests.act_as(tests.alice());
select is(
  tests.refusal('select t.* from private.accounts as t'), '42501', 'users may not read');
select is(
  tests.refusal($$ insert into private.accounts values (tests.alice(), 'team') $$),
  '42501', 'users may not write');
select tests.act_as_anon();
select is(
  tests.refusal('select t.* from private.accounts as t'), '42501', 'anon may not read');
select is(
  tests.refusal($$ insert into private.accounts values (tests.alice(), 'team') $$),
  '42501', 'anon may not write');
select tests.act_as_http();
select is(
  tests.refusal('select t.* from private.accounts as t'), '42501', 'the HTTP layer may not read');
select is(
  tests.refusal($$ insert into private.accounts values (tests.alice(), 'team') $$),
  '42501', 'the HTTP layer may not write');

select tests.act_as_worker();
select is(
  tests.refusal($$ insert into private.accounts values (tests.alice(), 'solo') $$),
  'accepted', 'the service may set a tier');
select is(
  tests.refusal($$ update private.accounts set tier = 'team' $$),
  'accepted', 'the service may change a tier');
select is(
  tests.refusal($$ delete from private.accounts $$), 'accepted', 'the service may remove a tier');
select is(
  tests.refusal($$ insert into private.accounts values (tests.alice(), 'gold') $$),
  '23503 accounts_tier_fkey', 'a tier must exist');

select * from finish();
rollback;
