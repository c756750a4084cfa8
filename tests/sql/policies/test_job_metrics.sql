begin;
select plan(5);

select tests.act_as(tests.alice());
select is(tests.refusal('select from private.job_metrics'), '42501', 'users may not read');
select tests.act_as_anon();
select is(tests.refusal('select from private.job_metrics'), '42501', 'anon may not read');
select tests.act_as_http();
select is(tests.refusal('select from private.job_metrics'), '42501', 'the HTTP layer may not read');
select tests.act_as_worker();
select is(tests.refusal('select from private.job_metrics'), 'accepted', 'the service may read');
select is(
  tests.refusal('update private.job_metrics set events = 0'), '42501',
  'the service may not update a counter');

select * from finish();
rollback;
