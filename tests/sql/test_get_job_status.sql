begin;
select plan(9);

select tests.arrange_cast();
select tests.arrange_job('alice_job', 'completed');
select tests.arrange_job('acme_job', p_repository_id => tests.acme_repository());

select tests.act_as(tests.alice());
select results_eq(
  $$ select j.* from get_job_status(tests.id('alice_job')) as j $$,
  $$ select j.* from index_jobs as j where j.id = tests.id('alice_job') $$,
  'the owner of the repository sees the complete job');
select is(
  tests.refusal($$ select get_job_status(tests.id('acme_job')) $$),
  'PT404', 'another tenant''s job is not found');
select is(
  tests.refusal($$ select get_job_status(gen_random_uuid()) $$),
  'PT404', 'an unknown job gets the same error');

select tests.act_as(tests.carol());
select is(
  (select j.status::text from get_job_status(tests.id('acme_job')) as j), 'pending',
  'a member sees the jobs of the organization');

select tests.act_as(tests.dave());
select is(
  tests.refusal($$ select get_job_status(tests.id('acme_job')) $$),
  'PT404', 'a former member finds no job');

select tests.act_with_claims(jsonb_build_object(
  'sub', 'no uuid', 'user_metadata', jsonb_build_object('sub', tests.alice()))::text);
select is(
  tests.refusal($$ select get_job_status(tests.id('alice_job')) $$),
  'PT404', 'claims without a user find no job, whatever the user metadata');

select tests.act_with_claims(null);
select is(
  tests.refusal($$ select get_job_status(tests.id('alice_job')) $$),
  'PT404', 'without claims no job is found');

select tests.act_as_anon();
select is(
  tests.refusal($$ select get_job_status(tests.id('alice_job')) $$), '42501',
  'anon may not call it');

select tests.act_as_worker();
select is(
  (select count(*)::integer from get_job_status(tests.id('acme_job'))), 1,
  'the service sees every job');

select * from finish();
rollback;
