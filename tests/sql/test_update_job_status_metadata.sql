begin;
select plan(10);

select tests.arrange_cast();
select tests.arrange_job('job', 'processing');
select tests.arrange_job('other', 'processing');
update index_jobs set commit_sha = repeat('a', 40) where id = tests.id('other');
create temp table before as select j.* from index_jobs as j;
grant select on before to public;

select tests.act_as_worker();
select is(
  tests.refusal($$ select update_job_status(tests.id('job'), 'done') $$),
  'PT422 unknown_status status', 'an unknown status is rejected');
select is(
  tests.refusal($$ select update_job_status(tests.id('job'), 'Completed') $$),
  'PT422 unknown_status status', 'a status is lower case');
select is(
  tests.refusal($$ select update_job_status(tests.id('job'), null) $$),
  'PT422 unknown_status status', 'null is not a status');
select is(
  tests.refusal($$ select update_job_status(tests.id('job'), 'failed') $$),
  'PT422 error_required metadata', 'failed requires an error');
select is(
  tests.refusal($$ select update_job_status('00000000-0000-4000-8000-0000000000ff', 'failed') $$),
  'PT422 error_required metadata', 'arguments are checked before the job is looked up');
select is(
  tests.refusal($$ select update_job_status(tests.id('other'), 'completed',
    jsonb_build_object('commit_sha', repeat('b', 40))) $$),
  'PT422 commit_mismatch metadata', 'a job for a given commit cannot be completed with another');
select is(
  tests.refusal($$ select update_job_status(tests.id('job'), 'failed', '{"error": "a\u0000b"}') $$),
  '22P05', 'a NUL is never stored');
select is(
  tests.refusal($$ select update_job_status(tests.id('job'), 'failed', '{"error": "\ud800"}') $$),
  '22P02', 'an unpaired surrogate is never stored');
select results_eq(
  $$ select j.* from index_jobs as j order by j.id $$,
  $$ select b.* from before as b order by b.id $$,
  'rejected calls do not change the row');
select is(
  (select j.commit_sha from update_job_status(tests.id('other'), 'completed',
    jsonb_build_object('commit_sha', repeat('A', 40))) as j),
  repeat('a', 40), 'the requested commit completes the job');

select * from finish();
rollback;
