begin;
select plan(11);

select policies_are('private', 'accounts', array[]::name[], 'grants alone decide');

select tests.arrange_cast();

select tests.act_as(tests.alice());
select is(
  tests.refusal('select t.* from private.accounts as t'), '42501', 'users may not look');
select is(
  tests.refusal($$ insert into private.accounts values (tests.alice(), 'team') $$),
  '42501', 'nor write');
select tests.act_as_anon();
select is(
  tests.refusal('select t.* from private.accounts as t'), '42501', 'anon may not look');
select is(
  tests.refusal($$ insert into private.accounts values (tests.alice(), 'team') $$),
  '42501', 'nor write');
select tests.act_as_http();
select is(
  tests.refusal('select t.* from private.accounts as t'), '42501', 'the HTTP layer may not look');
select is(
  tests.refusal($$ insert into private.accounts values (tests.alice(), 'team') $$),
  '42501', 'nor write');

select tests.act_as_worker();
select is(
  tests.refusal($$ insert into private.accounts values (tests.alice(), 'solo') $$),
  'accepted', 'the service gives a tier');
select is(
  tests.refusal($$ update private.accounts set tier = 'team' $$),
  'accepted', 'the service changes a tier');
select is(
  tests.refusal($$ delete from private.accounts $$), 'accepted', 'the service takes a tier away');
select is(
  tests.refusal($$ insert into private.accounts values (tests.alice(), 'gold') $$),
  '23503 accounts_tier_fkey', 'to one that there is');

select * from finish();
rollback;
