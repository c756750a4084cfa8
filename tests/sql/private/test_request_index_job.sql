begin;
select plan(4);

select tests.arrange_cast();
select tests.act_as(tests.bob());
select is(
  (select j.created_by from private.request_index_job(
    tests.acme_repository(), null, null, null) as j),
  tests.bob(), 'the job is made in the name of the user of the claims');
select is(
  tests.refusal(
    $$ select private.request_index_job(tests.alice_repository(), null, null, null) $$),
  'PT404', 'past the shell a stranger gets no further');
select tests.act_with_claims('garbage');
select is(
  tests.refusal($$ select private.request_index_job(tests.acme_repository(), null, null, null) $$),
  'PT404', 'nor does nobody');
select tests.act_as_anon();
select is(
  tests.refusal($$ select private.request_index_job(tests.acme_repository(), null, null, null) $$),
  '42501', 'nor does anon');

select * from finish();
rollback;
