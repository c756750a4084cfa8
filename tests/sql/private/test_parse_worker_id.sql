begin;
select plan(3);

select is(
  private.parse_worker_id(upper(tests.worker(1))), tests.worker(1)::uuid, 'a UUID is accepted');
select is(private.parse_worker_id(null), null, 'null gives null');
select is(
  tests.refusal($$ select private.parse_worker_id('build-7.internal:4711') $$),
  'PT422 invalid_worker_id worker_id', 'a host name is rejected');

select * from finish();
rollback;
