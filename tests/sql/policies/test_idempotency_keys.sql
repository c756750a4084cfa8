begin;
select plan(4);

select tests.arrange_cast();
select tests.act_as(tests.bob());
select create_index_job(tests.acme_repository(), p_idempotency_key => 'secret');
select is(
  tests.refusal('select from private.idempotency_keys'), '42501',
  'users may not read keys, not even their own');
select tests.act_as_worker();
select is(
  tests.refusal('select from private.idempotency_keys'), '42501', 'the service may not read keys');
select tests.act_as_job_worker();
select is(
  tests.refusal('select from private.idempotency_keys'), '42501', 'workers may not read keys');
select tests.act_as(tests.carol());
select is_empty(
  $$ select j from index_jobs as j where row_to_json(j)::text ~ 'secret'
     union all
     select null from index_job_events as e where row_to_json(e)::text ~ 'secret' $$,
  'other members cannot find the key in any table');

select * from finish();
rollback;
