begin;
select plan(16);

select policies_are('public', 'indexed_files', array[
  'indexed_files_select_authenticated',
  'indexed_files_select_job_worker',
  'indexed_files_all_job_writer',
  'indexed_files_select_service_role'
], 'these are the policies, and no others');

select tests.arrange_cast();
select tests.arrange_job('alice_job');
select tests.arrange_job('acme_job', p_repository_id => tests.acme_repository());
insert into indexed_files (repository_id, job_id, path, bytes, blob_sha) values
  (tests.alice_repository(), tests.id('alice_job'), 'alice.py', 1, 'x'),
  (tests.acme_repository(), tests.id('acme_job'), 'acme.py', 1, 'x');

select tests.act_as(tests.alice());
select set_eq(
  'select t.path from indexed_files as t', array['alice.py'],
  'a user sees the files of their own repositories');
select tests.act_as(tests.bob());
select set_eq(
  'select t.path from indexed_files as t', array['acme.py'],
  'an owner sees the files of the organization''s repositories');
select tests.act_as(tests.carol());
select set_eq(
  'select t.path from indexed_files as t', array['acme.py'],
  'a member sees the files of the organization''s repositories');
select tests.act_as(tests.dave());
select is_empty('select t.path from indexed_files as t', 'a former member sees no files');
select tests.act_as(gen_random_uuid());
select is_empty('select t.path from indexed_files as t', 'a stranger sees no files');
select tests.act_with_claims(null);
select is_empty('select t.path from indexed_files as t', 'no files are visible without claims');
select tests.act_with_claims('{"sub": "no uuid", "email": "alice@example.com"}');
select is_empty('select t.path from indexed_files as t',
  'no files are visible with invalid claims');
select tests.act_as_anon();
select is(tests.refusal('select t.path from indexed_files as t'), '42501', 'anon may not read');
select tests.act_as(tests.alice());
select is(
  tests.refusal('delete from indexed_files as t'), '42501', 'the owner may not delete files');
select is(
  tests.refusal('truncate indexed_files'), '42501', 'the owner may not truncate the table');
select tests.act_as_worker();
select is(tests.refusal('delete from indexed_files'), '42501', 'the service may not delete files');
select is(tests.refusal('insert into indexed_files default values'), '42501',
  'the service may not insert files');
select is(tests.refusal('truncate indexed_files'), '42501',
  'the service may not truncate the table');
select is(tests.refusal($$ update indexed_files set repository_id = null $$), '42501',
  'the service may not update files');
select is(
  (select count(*)::integer from indexed_files), 2, 'the service sees the files of all tenants');

select * from finish();
rollback;
