begin;
select plan(8);

select tests.arrange_cast();
select tests.job_for(tests.alice_repository()) as alice_job, tests.job_for(tests.acme_repository()) as acme_job
into temp jobs;
grant select on jobs to public;

select tests.act_as(tests.alice());
select is(
  (select j.status::text from get_job_status((select alice_job from jobs)) as j), 'pending',
  'the owner of the repository sees its job');
select throws_ok(
  $$ select * from get_job_status((select acme_job from jobs)) $$,
  'PT404', null, 'another tenant''s job looks like no job');

select tests.act_as(tests.carol());
select is(
  (select j.status::text from get_job_status((select acme_job from jobs)) as j), 'pending',
  'a member sees the jobs of the organization');

select tests.act_as(tests.dave());
select throws_ok(
  $$ select * from get_job_status((select acme_job from jobs)) $$,
  'PT404', null, 'a former member sees nothing');

select tests.act_with_claims('{"sub": "no uuid", "user_metadata": {"sub": "' || tests.alice() || '"}}');
select throws_ok(
  $$ select * from get_job_status((select alice_job from jobs)) $$,
  'PT404', null, 'claims without a user see nothing, whatever the user wrote into them');

select tests.act_with_claims(null);
select throws_ok(
  $$ select * from get_job_status((select alice_job from jobs)) $$,
  'PT404', null, 'without claims nothing is seen');

select tests.act_as_anon();
select throws_ok(
  $$ select * from get_job_status((select alice_job from jobs)) $$,
  '42501', null, 'anon may not ask');

select tests.act_as_worker();
select is(
  (select count(*) from get_job_status((select acme_job from jobs))), 1::bigint,
  'the service sees every job');

select * from finish();
rollback;
