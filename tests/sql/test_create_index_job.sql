begin;
select plan(13);

select tests.set_clock('2026-03-01 12:00+00');
select tests.arrange_cast();

select tests.act_as(tests.alice());
select results_eq(
  $$ select j.status::text, j.repository_id, j.owner_user_id, j.organization_id, j.created_by,
       j.ref, j.commit_sha, j.queue_job_id, j.attempt, j.created_at, j.started_at, j.version
     from create_index_job(tests.alice_repository()) as j $$,
  $$ values ('pending', tests.alice_repository(), tests.alice(), null::uuid, tests.alice(),
       'HEAD', null::text, null::uuid, 0, timestamptz '2026-03-01 12:00+00', null::timestamptz,
       1::bigint) $$,
  'a user creates a pending job for the default branch of their own repository');
select results_eq(
  $$ select j.ref, j.commit_sha from create_index_job(
       tests.alice_repository(), 'feature/a', repeat('AB', 20)) as j $$,
  $$ values ('feature/a', repeat('ab', 20)) $$,
  'the job keeps the requested ref and commit');
select is(
  tests.refusal($$ select create_index_job(tests.acme_repository()) $$),
  'PT404', 'a foreign repository is not found, without a detail');
select is(
  tests.refusal($$ select create_index_job(gen_random_uuid()) $$),
  'PT404', 'an unknown repository gets the same error');
select is(
  tests.refusal($$ select create_index_job(tests.alice_repository(), '--upload-pack=x') $$),
  'PT422 invalid_ref ref', 'a ref cannot look like an option');
select is(
  tests.refusal($$ select create_index_job(tests.alice_repository(), 'main', 'abc123') $$),
  'PT422 invalid_commit_sha commit_sha', 'a commit must be a full SHA');

select tests.act_as(tests.carol());
select results_eq(
  $$ select j.owner_user_id, j.organization_id, j.created_by
     from create_index_job(tests.acme_repository()) as j $$,
  $$ values (null::uuid, tests.acme(), tests.carol()) $$,
  'a member may create jobs of the organization');
select tests.act_as(tests.dave());
select is(
  tests.refusal($$ select create_index_job(tests.acme_repository()) $$),
  'PT404', 'a former member may not create jobs');
select tests.act_with_claims(null);
select is(
  tests.refusal($$ select create_index_job(tests.alice_repository()) $$),
  'PT404', 'a caller without claims may not create jobs');
select tests.act_with_claims('{"sub": ["' || tests.alice() || '"]}');
select is(
  tests.refusal($$ select create_index_job(tests.alice_repository()) $$),
  'PT404', 'invalid claims may not create jobs');
select tests.act_as_anon();
select is(
  tests.refusal($$ select create_index_job(tests.alice_repository()) $$), '42501',
  'anon may not create jobs');

select tests.act_as_worker();
select results_eq(
  $$ select j.organization_id, j.created_by from create_index_job(tests.acme_repository()) as j $$,
  $$ values (tests.acme(), null::uuid) $$,
  'the service may create jobs of any tenant, without a user');
select is(
  tests.refusal($$ select create_index_job(gen_random_uuid()) $$),
  'PT404', 'the repository must exist');

select * from finish();
rollback;
