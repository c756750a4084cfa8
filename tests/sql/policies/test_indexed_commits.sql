begin;
select plan(16);

select policies_are('public', 'indexed_commits', array[
  'indexed_commits_select_authenticated',
  'indexed_commits_select_job_worker',
  'indexed_commits_all_job_writer',
  'indexed_commits_select_service_role'
], 'these are the policies, and no others');

select tests.arrange_cast();
insert into indexed_commits (repository_id, job_id, commit_sha, extractor, stats) values
  (tests.alice_repository(), gen_random_uuid(), 'alice', 'x', '{}'),
  (tests.acme_repository(), gen_random_uuid(), 'acme', 'x', '{}');

select tests.act_as(tests.alice());
select set_eq(
  'select c.commit_sha from indexed_commits as c', array['alice'],
  'a user sees the commits of their own repositories');
select tests.act_as(tests.bob());
select set_eq(
  'select c.commit_sha from indexed_commits as c', array['acme'],
  'an owner sees the commits of the organization''s repositories');
select tests.act_as(tests.carol());
select set_eq(
  'select c.commit_sha from indexed_commits as c', array['acme'],
  'a member sees the commits of the organization''s repositories');
select tests.act_as(tests.dave());
select is_empty('select c.commit_sha from indexed_commits as c', 'a former member sees no commits');
select tests.act_as(gen_random_uuid());
select is_empty('select c.commit_sha from indexed_commits as c', 'a stranger sees no commits');
select tests.act_with_claims(null);
select is_empty('select c.commit_sha from indexed_commits as c',
  'no commits are visible without claims');
select tests.act_with_claims('{"sub": "no uuid", "email": "alice@example.com"}');
select is_empty('select c.commit_sha from indexed_commits as c',
  'no commits are visible with invalid claims');
select tests.act_as_anon();
select is(tests.refusal('select c.commit_sha from indexed_commits as c'), '42501',
  'anon may not read');
select tests.act_as(tests.alice());
select is(
  tests.refusal('delete from indexed_commits as c'), '42501', 'the owner may not delete a commit');
select is(
  tests.refusal($$ update indexed_commits set commit_sha = 'x' $$), '42501',
  'the owner may not update a commit');
select tests.act_as_worker();
select is(tests.refusal('delete from indexed_commits'), '42501',
  'the service may not delete a commit');
select is(tests.refusal('insert into indexed_commits default values'), '42501',
  'the service may not insert a commit');
select is(tests.refusal('truncate indexed_commits'), '42501',
  'the service may not truncate the table');
select is(tests.refusal($$ update indexed_commits set repository_id = null $$), '42501',
  'the service may not update a commit');
select is(
  (select count(*)::integer from indexed_commits), 2,
  'the service sees the commits of all tenants');

select * from finish();
rollback;
