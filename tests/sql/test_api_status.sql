begin;
select plan(6);

create function pg_temp.status() returns jsonb
language sql as $$ select (api_status()).body::jsonb $$;

select tests.set_clock('2030-01-01 12:00Z');
select tests.arrange_cast();
delete from private.runners;
select tests.act_as_http();
select is(
  pg_temp.status(), '{"runners": "pass", "waiting": "pass"}', 'without jobs no runner is missing');
select tests.act_as_admin();
select tests.arrange_job('waits');
select tests.act_as_http();
select is(
  pg_temp.status(), '{"runners": "fail", "waiting": "pass"}', 'a job waits without a runner');
select tests.advance_clock('2 minutes');
select tests.act_as_worker();
select report_runner(tests.worker(1), 'a', 1, '1', 1, 1);
select is(
  pg_temp.status(), '{"runners": "pass", "waiting": "warn"}',
  'a job waits for two minutes with a runner');
select tests.advance_clock('28 minutes');
select is(pg_temp.status(), '{"runners": "fail", "waiting": "fail"}',
  'a job waits for half an hour');
select claim_index_job(tests.worker(1));
select is(pg_temp.status(), '{"runners": "pass", "waiting": "pass"}', 'the job has started');
select tests.act_as(tests.alice());
select throws_ok('select api_status()', '42501', null, 'users must ask over HTTP');

select * from finish();
rollback;
