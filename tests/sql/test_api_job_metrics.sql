begin;
select plan(4);

select tests.arrange_cast();
insert into private.job_metric_log (at, to_status)
select private.clock(), 'pending' from generate_series(1, 20001);
select tests.act_as_http();
select is(
  (select array[a.verdict, a.body] from api_job_metrics() as a), array['ok', null],
  'there is no result while more is logged than one call folds');
select is(
  (select a.body::jsonb #> '{transitions,0}' from api_job_metrics() as a),
  '["none", "pending", 20001]', 'after that everything is counted');
select is(
  (select array_agg(k order by k collate "C") from api_job_metrics() as a, jsonb_object_keys(a.body::jsonb) as k),
  array['attempts', 'duration', 'duration_seconds', 'failure_rate', 'jobs', 'oldest_claimable',
    'oldest_processing', 'runners', 'slots', 'stuck', 'table_bytes', 'transitions', 'wait',
    'wait_seconds'],
  'counters and gauges are one object');
select tests.act_as(tests.alice());
select throws_ok('select api_job_metrics()', '42501', null, 'users may not see the metrics');

select * from finish();
rollback;
