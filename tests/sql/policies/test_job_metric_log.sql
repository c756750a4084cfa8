begin;
select plan(5);

select tests.act_as(tests.alice());
select is(tests.refusal('select from private.job_metric_log'), '42501', 'users may not look');
select tests.act_as_anon();
select is(tests.refusal('select from private.job_metric_log'), '42501', 'nor anon');
select tests.act_as_http();
select is(tests.refusal('select from private.job_metric_log'), '42501', 'nor the HTTP layer');
select tests.act_as_worker();
select is(tests.refusal('select from private.job_metric_log'), '42501', 'nor the service');
select is(
  tests.refusal('delete from private.job_metric_log'), '42501', 'which cannot lose what happened');

select * from finish();
rollback;
