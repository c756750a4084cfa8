begin;
select plan(12);

select tests.set_clock('2026-03-01 12:00+00');
select tests.arrange_cast();
select tests.arrange_job('second', p_repository_id => tests.acme_repository());
select tests.set_clock('2026-03-01 11:00+00');
select tests.arrange_job('first');
select tests.arrange_job('queued');
select tests.set_clock('2026-03-01 13:00+00');
select tests.arrange_job('done', 'completed');
select tests.arrange_job('broken', 'failed');
select tests.arrange_job('given_up', 'cancelled');

-- the last tenant served is acme: alice is next
select setval('private.claim_cursor_high', x'7fffffffffffffff'::bigint);

select tests.act_as_worker();
select is(
  tests.refusal($$ select link_queue_job(tests.id('queued'), gen_random_uuid()) $$),
  'accepted', 'one job is linked to a queue');
select results_eq(
  $$ select j.id, j.status::text, j.attempt, j.worker_id, j.started_at, j.heartbeat_at,
       j.lease_expires_at, j.version
     from claim_index_job(tests.worker(1)) as j $$,
  $$ values (tests.id('first'), 'processing', 1, tests.worker(1)::uuid, timestamptz '2026-03-01 13:00+00',
       timestamptz '2026-03-01 13:00+00', timestamptz '2026-03-01 13:00:30+00', 2::bigint) $$,
  'a worker gets the oldest pending job of a tenant, for 30 seconds by default');
select results_eq(
  $$ select j.id, j.lease_expires_at from claim_index_job(tests.worker(2), '1 hour') as j $$,
  $$ values (tests.id('second'), timestamptz '2026-03-01 14:00+00') $$,
  'the next worker gets a job of the next tenant, with the requested lease');
select is_empty(
  $$ select j.id from claim_index_job(tests.worker(3)) as j $$,
  'jobs of a queue and finished jobs cannot be claimed');

select is(
  tests.refusal($$ select claim_index_job(null) $$),
  'PT422 missing_worker_id worker_id', 'a worker id is required');
select is(
  tests.refusal($$ select claim_index_job('host:4711') $$),
  'PT422 invalid_worker_id worker_id', 'a worker id is not a host name');
select is(
  tests.refusal($$ select claim_index_job(null) $$),
  'PT422 missing_worker_id worker_id', 'null is not a worker id');
select is(
  tests.refusal($$ select claim_index_job(tests.worker(1), null) $$),
  'PT422 invalid_lease lease', 'a lease is required');
select is(
  tests.refusal($$ select claim_index_job(tests.worker(1), '-1 second') $$),
  'PT422 invalid_lease lease', 'a lease may not be negative');

select tests.act_as(tests.alice());
select is(
  tests.refusal($$ select claim_index_job('alice') $$),
  '42501', 'users may not claim jobs');
select tests.act_as_anon();
select is(tests.refusal($$ select claim_index_job('anon') $$), '42501', 'anon may not claim jobs');
select tests.act_as_http();
select is(tests.refusal($$ select claim_index_job('http') $$), '42501',
  'the HTTP layer may not claim jobs');

select * from finish();
rollback;
