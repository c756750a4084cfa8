begin;
select plan(5);

select tests.arrange_cast();
select tests.act_as_worker();
select tests.name_id(
  'job', private.insert_index_job(tests.alice_repository(), null, null, null, tests.bob()));
select results_eq(
  $$ select j.owner_user_id, j.created_by, j.ref, j.repository, j.tenant_id
     from index_jobs as j where j.id = tests.id('job') $$,
  $$ values (tests.alice(), tests.bob(), 'HEAD', 'alice/app', tests.alice()) $$,
  'the job belongs to the owner of the repository, not to the caller');
select is(
  tests.refusal($$ select private.insert_index_job(gen_random_uuid(), null, null, 'k', null) $$),
  'PT404', 'an unknown repository is not found, without a detail');
select is(
  tests.refusal($$ select private.insert_index_job(null, null, null, null, null) $$),
  'PT404', 'null is not found either');
select tests.act_as(tests.alice());
select is(
  tests.refusal(
    $$ select private.insert_index_job(tests.alice_repository(), null, null, null, null) $$),
  '42501', 'users may not create jobs in another name');

select tests.act_as_admin();
update repositories
set owner_user_id = null, organization_id = tests.acme(), full_name = 'acme/app'
where id = tests.alice_repository();
select results_eq(
  $$ select j.owner_user_id, j.tenant_id, j.repository from index_jobs as j $$,
  $$ values (tests.alice(), tests.alice(), 'alice/app') $$,
  'a transferred and renamed repository leaves its jobs behind');

select * from finish();
rollback;
