begin;
select plan(11);

select policies_are('private', 'api_keys', array[]::name[], 'there are no policies, only grants');

select tests.arrange_cast();

select tests.act_as(tests.alice());
select is(
  tests.refusal('select t.* from private.api_keys as t'), '42501', 'users may not read');
select is(
  tests.refusal($$ insert into private.api_keys (id, user_id, name, secret_hash, created_at)
    values ('x', tests.alice(), 'x', 'x', now()) $$),
  '42501', 'users may not write');
select tests.act_as_anon();
select is(
  tests.refusal('select t.* from private.api_keys as t'), '42501', 'anon may not read');
select is(
  tests.refusal($$ insert into private.api_keys (id, user_id, name, secret_hash, created_at)
    values ('x', tests.alice(), 'x', 'x', now()) $$),
  '42501', 'anon may not write');
select tests.act_as_http();
select is(
  tests.refusal('select t.* from private.api_keys as t'), '42501', 'the HTTP layer may not read');
select is(
  tests.refusal($$ insert into private.api_keys (id, user_id, name, secret_hash, created_at)
    values ('x', tests.alice(), 'x', 'x', now()) $$),
  '42501', 'the HTTP layer may not write');

select tests.act_as_worker();
select is(
  tests.refusal($$ select k.id from private.api_keys as k $$),
  '42501', 'the service may not read');
select is(
  tests.refusal($$ update private.api_keys set enabled = true $$),
  '42501', 'the service may not enable a revoked key');
select is(
  tests.refusal($$ delete from private.api_keys $$), '42501', 'the service may not delete a key');
select tests.act_as(tests.alice());
select is(
  tests.refusal($$ select create_api_key('laptop') $$), 'accepted', 'users call functions instead');

select * from finish();
rollback;
