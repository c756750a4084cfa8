begin;
select plan(2);

select tests.arrange_cast();
select tests.set_clock('2026-03-01 12:00+00');
select tests.arrange_job('pending');
select tests.arrange_job('begun', 'processing');
select tests.advance_clock('1 minute');
select tests.act_as_worker();

select is(
  (select j.heartbeat_at from update_job_status(tests.id('pending'), 'failed',
     '{"error": "x"}') as j), null, 'an unclaimed job has no heartbeat');
select is(
  (select j.heartbeat_at from update_job_status(tests.id('begun'), 'completed') as j),
  '2026-03-01 12:01+00', 'the end is the last heartbeat of a job that started');

select * from finish();
rollback;
