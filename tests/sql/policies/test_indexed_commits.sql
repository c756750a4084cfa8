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
  'a user sees the commits of own repositories');
select tests.act_as(tests.bob());
select set_eq(
  'select c.commit_sha from indexed_commits as c', array['acme'],
  'an owner sees those of the organization''s repositories');
select tests.act_as(tests.carol());
select set_eq(
  'select c.commit_sha from indexed_commits as c', array['acme'], 'so does a member');
select tests.act_as(tests.dave());
select is_empty('select c.commit_sha from indexed_commits as c', 'a former member sees none');
select tests.act_as(gen_random_uuid());
select is_empty('select c.commit_sha from indexed_commits as c', 'a stranger sees none');
select tests.act_with_claims(null);
select is_empty('select c.commit_sha from indexed_commits as c', 'without claims none is seen');
select tests.act_with_claims('{"sub": "no uuid", "email": "alice@example.com"}');
select is_empty('select c.commit_sha from indexed_commits as c', 'with garbage claims none is seen');
select tests.act_as_anon();
select is(tests.refusal('select c.commit_sha from indexed_commits as c'), '42501', 'anon may not look');
select tests.act_as(tests.alice());
select is(
  tests.refusal('delete from indexed_commits as c'), '42501', 'the owner may not remove a commit');
select is(
  tests.refusal($$ update indexed_commits set commit_sha = 'x' $$), '42501', 'nor change one');
select tests.act_as_worker();
select is(tests.refusal('delete from indexed_commits'), '42501', 'the service may not do that either');
select is(tests.refusal('insert into indexed_commits default values'), '42501', 'nor add any');
select is(tests.refusal('truncate indexed_commits'), '42501', 'nor empty the table');
select is(tests.refusal($$ update indexed_commits set repository_id = null $$), '42501', 'nor change it');
select is(
  (select count(*)::integer from indexed_commits), 2, 'the service sees those of every tenant');

select * from finish();
rollback;
