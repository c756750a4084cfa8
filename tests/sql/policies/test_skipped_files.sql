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
  'a user sees the files of own repositories');
select tests.act_as(tests.bob());
select set_eq(
  'select t.path from skipped_files as t', array['acme.py'],
  'an owner sees those of the organization''s repositories');
select tests.act_as(tests.carol());
select set_eq(
  'select t.path from skipped_files as t', array['acme.py'], 'so does a member');
select tests.act_as(tests.dave());
select is_empty('select t.path from skipped_files as t', 'a former member sees none');
select tests.act_as(gen_random_uuid());
select is_empty('select t.path from skipped_files as t', 'a stranger sees none');
select tests.act_with_claims(null);
select is_empty('select t.path from skipped_files as t', 'without claims none is seen');
select tests.act_with_claims('{"sub": "no uuid", "email": "alice@example.com"}');
select is_empty('select t.path from skipped_files as t', 'with garbage claims none is seen');
select tests.act_as_anon();
select is(tests.refusal('select t.path from skipped_files as t'), '42501', 'anon may not look');
select tests.act_as(tests.alice());
select is(
  tests.refusal('delete from skipped_files as t'), '42501', 'the owner may not remove any');
select is(
  tests.refusal('truncate skipped_files'), '42501', 'nor empty the table');
select tests.act_as_worker();
select is(
  tests.refusal('delete from skipped_files as t'), '42501', 'nor does the service');
select set_eq(
  'select t.path from skipped_files as t', array['alice.py', 'acme.py'],
  'the service sees those of every tenant');

select * from finish();
rollback;
