begin;
select plan(6);

select policies_are('private', 'job_totals', array[]::name[], 'grants alone decide');

select tests.act_as(tests.alice());
select is(
  tests.refusal('select t.jobs from private.job_totals as t'), '42501', 'users may not look');
select tests.act_as_anon();
select is(
  tests.refusal('select t.jobs from private.job_totals as t'), '42501', 'nor anon');
select tests.act_as_http();
select is(
  tests.refusal('select t.jobs from private.job_totals as t'), '42501', 'nor the HTTP layer');
select tests.act_as_worker();
select is(
  tests.refusal('select t.jobs from private.job_totals as t'), 'accepted', 'the service reads');
select is(
  tests.refusal('update private.job_totals set jobs = 0'), '42501',
  'and cannot turn a counter back');

select * from finish();
rollback;
