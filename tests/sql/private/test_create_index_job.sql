begin;
select plan(5);

select tests.arrange_cast();
select tests.act_as(tests.bob());
select tests.name_id(
  'job', private.create_index_job(tests.acme_repository(), null, null, null));
select is(
  (select j.created_by from index_jobs as j where j.id = tests.id('job')),
  tests.bob(), 'the job is created for the user of the claims');
select is(
  tests.refusal(
    $$ select private.create_index_job(tests.alice_repository(), null, null, null) $$),
  'PT404', 'a stranger''s call of the private function is rejected');
select tests.act_as(tests.alice());
select is(
  tests.refusal($$ select private.create_index_job(tests.acme_repository(), null, null, null) $$),
  'PT404', 'a call for a foreign organization is rejected');
select tests.act_with_claims('garbage');
select is(
  tests.refusal($$ select private.create_index_job(tests.acme_repository(), null, null, null) $$),
  'PT404', 'a call without claims is rejected');
select tests.act_as_anon();
select is(
  tests.refusal($$ select private.create_index_job(tests.acme_repository(), null, null, null) $$),
  '42501', 'anon may not call it');

select * from finish();
rollback;
