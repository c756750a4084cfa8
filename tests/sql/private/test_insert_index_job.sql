begin;
select plan(5);

select tests.arrange_cast();
select tests.act_as_worker();
select results_eq(
  $$ select j.owner_user_id, j.created_by, j.ref
     from private.insert_index_job(tests.alice_repository(), null, null, null, tests.bob()) as j $$,
  $$ values (tests.alice(), tests.bob(), 'HEAD') $$,
  'the job belongs to the owner of the repository, whoever asks');
select is(
  tests.refusal($$ select private.insert_index_job(gen_random_uuid(), null, null, 'k', null) $$),
  'PT404', 'an unknown repository is not found, without a detail');
select is(
  tests.refusal($$ select private.insert_index_job(null, null, null, null, null) $$),
  'PT404', 'no repository is not found either');
select tests.act_as(tests.alice());
select is(
  tests.refusal(
    $$ select private.insert_index_job(tests.alice_repository(), null, null, null, null) $$),
  '42501', 'users may not make jobs in whatever name');

select tests.act_as_admin();
update repositories set owner_user_id = tests.bob() where id = tests.alice_repository();
select set_eq(
  $$ select j.owner_user_id from index_jobs as j $$, array[tests.alice()],
  'a repository that changes hands leaves its jobs behind');

select * from finish();
rollback;
