begin;
select plan(10);

select policies_are('private', 'rate_limit_counters', array[]::name[],
  'there are no policies, only grants');

select tests.arrange_cast();

select tests.act_as(tests.alice());
select is(
  tests.refusal('select t.* from private.rate_limit_counters as t'), '42501', 'users may not read');
select is(
  tests.refusal($$ delete from private.rate_limit_counters $$), '42501', 'users may not write');
select tests.act_as_anon();
select is(
  tests.refusal('select t.* from private.rate_limit_counters as t'), '42501', 'anon may not read');
select is(
  tests.refusal($$ delete from private.rate_limit_counters $$), '42501', 'anon may not write');
select tests.act_as_http();
select is(
  tests.refusal('select t.* from private.rate_limit_counters as t'), '42501',
  'the HTTP layer may not read');
select is(
  tests.refusal($$ delete from private.rate_limit_counters $$), '42501',
  'the HTTP layer may not write');

select tests.act_as_worker();
select is(
  tests.refusal($$ select c.user_id from private.rate_limit_counters as c $$),
  '42501', 'the service may not read');
select is(
  tests.refusal($$ update private.rate_limit_counters set requests = 0 $$),
  '42501', 'the service may not reset a counter');
select tests.act_as_http();
select is(
  (select a.rate_remaining from api_get_job_status(null,
    jsonb_build_object('sub', tests.alice(), 'role', 'authenticated'), 'x') as a),
  99, 'the functions of the HTTP layer may count');

select * from finish();
rollback;
