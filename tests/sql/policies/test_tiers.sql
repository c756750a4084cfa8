begin;
select plan(10);

select policies_are('private', 'tiers', array[]::name[], 'there are no policies, only grants');

select tests.arrange_cast();

select tests.act_as(tests.alice());
select is(
  tests.refusal('select t.* from private.tiers as t'), '42501', 'users may not read');
select is(
  tests.refusal($$ update private.tiers set requests_per_hour = 1000000 $$), '42501',
  'users may not write');
select tests.act_as_anon();
select is(
  tests.refusal('select t.* from private.tiers as t'), '42501', 'anon may not read');
select is(
  tests.refusal($$ update private.tiers set requests_per_hour = 1000000 $$), '42501',
  'anon may not write');
select tests.act_as_http();
select is(
  tests.refusal('select t.* from private.tiers as t'), '42501', 'the HTTP layer may not read');
select is(
  tests.refusal($$ update private.tiers set requests_per_hour = 1000000 $$), '42501',
  'the HTTP layer may not write');

select tests.act_as_worker();
select set_eq(
  'select t.name, t.requests_per_hour from private.tiers as t',
  $$ values ('free', 100), ('solo', 1000), ('team', 10000) $$, 'these are the tiers');
select is(
  tests.refusal($$ update private.tiers set requests_per_hour = 200 where name = 'free' $$),
  'accepted', 'the service may change a limit');
select is(
  tests.refusal($$ insert into private.tiers values ('none', 0) $$),
  '23514 tiers_requests_per_hour_is_positive', 'the limit of a tier is above zero');

select * from finish();
rollback;
