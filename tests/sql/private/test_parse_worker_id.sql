begin;
select plan(3);

select is(
  private.parse_worker_id(upper(tests.worker(1))), tests.worker(1)::uuid, 'a UUID is an id');
select is(private.parse_worker_id(null), null, 'none is none');
select is(
  tests.refusal($$ select private.parse_worker_id('build-7.internal:4711') $$),
  'PT422 invalid_worker_id worker_id', 'the name of a machine is refused');

select * from finish();
rollback;
