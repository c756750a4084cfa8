begin;
select plan(3);

select tests.arrange_cast();
select tests.arrange_job('job');
select is(
  (select j.status::text from private.lock_index_job(tests.id('job')) as j), 'pending',
  'the job is returned unchanged');
select is(
  tests.refusal($$ select private.lock_index_job(gen_random_uuid()) $$), 'PT404',
  'an unknown job is not found, without a detail');
select tests.act_as_worker();
select is(
  tests.refusal($$ select private.lock_index_job(tests.id('job')) $$), '42501',
  'a job cannot be locked without the right to change it');

select * from finish();
rollback;
