begin;
select plan(3);

create function pg_temp.load() returns jsonb
language sql as $$ select (api_job_load()).body::jsonb $$;

select tests.set_clock('2030-01-01 12:00Z');
select tests.arrange_cast();
delete from private.runners;
select tests.act_as_http();
select is(
  pg_temp.load(),
  '{"queued": {"total": 0, "oldest": 0}, "running": {"total": 0, "oldest": 0}, "slots": 0}',
  'without jobs all members exist');
select tests.act_as_admin();
select tests.arrange_job('runs', 'processing');
select tests.advance_clock('60 seconds');
select tests.arrange_job('waits');
select tests.arrange_job('waits_too');
select tests.advance_clock('30 seconds');
select report_runner(tests.worker(1), 'a', 1, '1', 3, 1);
select tests.act_as_http();
select is(
  pg_temp.load(),
  '{"queued": {"total": 2, "oldest": 30.0}, "running": {"total": 1, "oldest": 90.0}, "slots": 3}',
  'the load has queued and running jobs and free slots');
select tests.act_as(tests.alice());
select throws_ok('select api_job_load()', '42501', null, 'users may not see the load');

select * from finish();
rollback;
