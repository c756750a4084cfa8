begin;
select plan(4);

select tests.arrange_cast();
select tests.arrange_job('job');
select begin_queue_attempt(tests.id('job'), tests.id('job'), 3, tests.worker(1));
select results_eq(
  $$ select a.queue_attempt from private.queue_attempts as a where a.job_id = tests.id('job') $$,
  'values (3)', 'the attempt count of the queue is stored');
select tests.act_as(tests.alice());
select is(
  tests.refusal('select from private.queue_attempts'), '42501', 'users may not read it');
select tests.act_as_worker();
select is(tests.refusal('select from private.queue_attempts'), '42501',
  'the service may not read it');
select tests.act_as_admin();
delete from index_jobs where id = tests.id('job');
select is_empty('select from private.queue_attempts', 'it is deleted with its job');

select * from finish();
rollback;
