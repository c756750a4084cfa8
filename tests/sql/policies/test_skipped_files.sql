begin;
select plan(13);

select policies_are('public', 'skipped_files', array[
  'skipped_files_select_authenticated',
  'skipped_files_select_job_worker',
  'skipped_files_all_job_writer',
  'skipped_files_select_service_role'
], 'these are the policies, and no others');

select tests.arrange_cast();
select tests.arrange_job('alice_job');
select tests.arrange_job('acme_job', p_repository_id => tests.acme_repository());
insert into skipped_files (repository_id, job_id, path, reason) values
  (tests.alice_repository(), tests.id('alice_job'), 'alice.py', 'binary'),
  (tests.acme_repository(), tests.id('acme_job'), 'acme.py', 'binary');

select tests.act_as(tests.alice());
select set_eq(
  'select t.path from skipped_files as t', array['alice.py'],
  'a user sees the skipped files of their own repositories');
select tests.act_as(tests.bob());
select set_eq(
  'select t.path from skipped_files as t', array['acme.py'],
  'an owner sees the skipped files of the organization''s repositories');
select tests.act_as(tests.carol());
select set_eq(
  'select t.path from skipped_files as t', array['acme.py'],
  'a member sees the skipped files of the organization''s repositories');
select tests.act_as(tests.dave());
select is_empty('select t.path from skipped_files as t', 'a former member sees no skipped files');
select tests.act_as(gen_random_uuid());
select is_empty('select t.path from skipped_files as t', 'a stranger sees no skipped files');
select tests.act_with_claims(null);
select is_empty('select t.path from skipped_files as t',
  'no skipped files are visible without claims');
select tests.act_with_claims('{"sub": "no uuid", "email": "alice@example.com"}');
select is_empty('select t.path from skipped_files as t',
  'no skipped files are visible with invalid claims');
select tests.act_as_anon();
select is(tests.refusal('select t.path from skipped_files as t'), '42501', 'anon may not read');
select tests.act_as(tests.alice());
select is(
  tests.refusal('delete from skipped_files as t'), '42501',
  'the owner may not delete skipped files');
select is(
  tests.refusal('truncate skipped_files'), '42501', 'the owner may not truncate the table');
select tests.act_as_worker();
select is(
  tests.refusal('delete from skipped_files as t'), '42501',
  'the service may not truncate the table');
select set_eq(
  'select t.path from skipped_files as t', array['alice.py', 'acme.py'],
  'the service sees the skipped files of all tenants');

select * from finish();
rollback;
