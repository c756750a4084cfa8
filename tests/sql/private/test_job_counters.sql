begin;
select plan(7);

create function pg_temp.counted(p_member text) returns json
language sql as $$ select private.job_counters() -> p_member $$;

select tests.set_clock('2030-01-01 12:00Z');
select tests.arrange_cast();
select is(
  private.job_counters()::jsonb,
  '{"transitions": [["none", "pending", 0], ["pending", "processing", 0], ["pending", "failed", 0],
      ["pending", "cancelled", 0], ["processing", "completed", 0], ["processing", "failed", 0],
      ["processing", "cancelled", 0]],
    "wait": null, "duration": null, "wait_seconds": 0, "duration_seconds": 0,
    "jobs": {"pending": 0, "processing": 0, "completed": 0, "failed": 0, "cancelled": 0},
    "attempts": {"completed": 0, "failed": 0, "cancelled": 0, "retry": 0, "handed_back": 0,
      "lost": 0},
    "failure_rate": 0}',
  'without jobs all counters exist');

select tests.arrange_job('waits');
select tests.arrange_job('runs', 'processing');
select tests.arrange_job('broken', 'failed');
select tests.advance_clock('3 seconds');
select update_job_status(tests.id('runs'), 'completed', '{}', 1);
create temp table before as select private.job_counters()::jsonb as counters;
select is(
  (select b.counters from before as b),
  '{"transitions": [["none", "pending", 3], ["pending", "processing", 1], ["pending", "failed", 1],
      ["pending", "cancelled", 0], ["processing", "completed", 1], ["processing", "failed", 0],
      ["processing", "cancelled", 0]],
    "wait": {"1": 1}, "duration": {"5": 1}, "wait_seconds": 0, "duration_seconds": 3,
    "jobs": {"pending": 1, "processing": 0, "completed": 1, "failed": 1, "cancelled": 0},
    "attempts": {"completed": 1, "failed": 0, "cancelled": 0, "retry": 0, "handed_back": 0,
      "lost": 0},
    "failure_rate": 0.5}'::jsonb || jsonb_build_object('duration_seconds', 3.0)
    || jsonb_build_object('wait_seconds', (select b.counters -> 'wait_seconds' from before as b)),
  'logged events are counted before they are folded');
select private.fold_job_metrics(p_most => 3);
select is(
  private.job_counters()::jsonb, (select b.counters from before as b),
  'the counters are the same when half is folded');
select private.fold_job_metrics();
select is(
  private.job_counters()::jsonb, (select b.counters from before as b),
  'the counters are the same when all is folded');

select tests.advance_clock('100 days');
select purge_finished_jobs('90 days');
select is(
  pg_temp.counted('transitions')::jsonb, (select b.counters -> 'transitions' from before as b),
  'a purge decreases no counter');
select is(
  pg_temp.counted('jobs')::jsonb,
  '{"pending": 1, "processing": 0, "completed": 0, "failed": 0, "cancelled": 0}',
  'a purge decreases the number of jobs');
select is(pg_temp.counted('failure_rate')::text, '0', 'after an hour no failure is recent');

select * from finish();
rollback;
