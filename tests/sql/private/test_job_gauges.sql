begin;
select plan(6);

create function pg_temp.gauge(p_member text) returns jsonb
language sql as $$ select private.job_gauges()::jsonb -> p_member $$;

select tests.set_clock('2030-01-01 12:00Z');
select tests.arrange_cast();
delete from private.runners;
select is(
  private.job_gauges()::jsonb - 'table_bytes',
  '{"oldest_claimable": null, "oldest_processing": null,
    "stuck": {"cancel_overdue": 0, "lease_expired": 0, "retry_overdue": 0, "silent": 0},
    "runners": {"alive": 0, "gone": 0}, "slots": {"busy": 0, "free": 0}}',
  'without jobs and runners all gauges exist');
select tests.arrange_job('waits');
select tests.arrange_job('runs', 'processing');
select tests.advance_clock('30 minutes');
select is(
  (pg_temp.gauge('oldest_claimable'))::bigint,
  extract(epoch from timestamptz '2030-01-01 12:00Z')::bigint,
  'the age of the oldest pending job is reported');
select is(
  (pg_temp.gauge('oldest_processing'))::bigint,
  extract(epoch from timestamptz '2030-01-01 12:00Z')::bigint,
  'the age of the oldest running job is reported');
select is(
  pg_temp.gauge('stuck'),
  '{"cancel_overdue": 0, "lease_expired": 0, "retry_overdue": 0, "silent": 1}',
  'a silent worker is reported');
select report_runner(tests.worker(1), 'a', 1, '1', 3, 1);
select tests.advance_clock('1 hour');
select report_runner(tests.worker(2), 'b', 2, '1', 3, 1);
select report_runner(tests.worker(4), 'd', 4, '1', 3, 1);
select tests.advance_clock('15 seconds');
select report_runner(tests.worker(3), 'c', 3, '1', 4, 1);
select is(
  array[pg_temp.gauge('runners'), pg_temp.gauge('slots')],
  array['{"alive": 1, "gone": 2}', '{"busy": 1, "free": 3}']::jsonb[],
  'a runner not seen for 15 seconds is gone, and after an hour deleted');
select ok(
  (pg_temp.gauge('table_bytes') ->> 'index_jobs')::bigint > pg_relation_size('index_jobs'),
  'the size of a table includes its indexes');

select * from finish();
rollback;
