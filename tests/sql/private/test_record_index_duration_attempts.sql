begin;
select plan(1);

select tests.arrange_cast();
select tests.set_clock('2026-01-01 12:00:00+00');
select tests.arrange_job('job');
select tests.act_as_worker();
select claim_index_job(tests.worker(1));
select tests.advance_clock('2 seconds');
select fail_job_attempt(tests.id('job'), 1, 'down');
select tests.advance_clock('1 hour');
select claim_index_job(tests.worker(1));
select tests.advance_clock('7 seconds');
select j.id from update_job_status(tests.id('job'), 'completed',
  jsonb_build_object('commit_sha', repeat('c', 40)), 2) as j;
select tests.act_as_admin();
select private.record_index_duration(tests.job_row('job'));
select is(
  (select d.seconds from private.index_durations as d), 7::double precision,
  'only the attempt that completed the job counts');

select * from finish();
rollback;
