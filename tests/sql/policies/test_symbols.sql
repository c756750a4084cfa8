begin;
select plan(16);

select policies_are('public', 'symbols', array[
  'symbols_select_authenticated',
  'symbols_select_job_worker',
  'symbols_all_job_writer',
  'symbols_select_service_role'
], 'these are the policies, and no others');

select tests.arrange_cast();
select tests.arrange_job('alice_job');
select tests.arrange_job('acme_job', p_repository_id => tests.acme_repository());
insert into indexed_files (repository_id, job_id, path, bytes, blob_sha) values
  (tests.alice_repository(), tests.id('alice_job'), 'alice.py', 1, 'x'),
  (tests.acme_repository(), tests.id('acme_job'), 'acme.py', 1, 'x');
insert into symbols (repository_id, file_id, name, kind, start_line, end_line)
select f.repository_id, f.id, 'of_' || f.path, 'function', 1, 2 from indexed_files as f;

select tests.act_as(tests.alice());
select set_eq(
  'select t.name from symbols as t', array['of_alice.py'],
  'a user sees the symbols of their own repositories');
select tests.act_as(tests.bob());
select set_eq(
  'select t.name from symbols as t', array['of_acme.py'],
  'an owner sees the symbols of the organization''s repositories');
select tests.act_as(tests.carol());
select set_eq(
  'select t.name from symbols as t', array['of_acme.py'],
  'a member sees the symbols of the organization''s repositories');
select tests.act_as(tests.dave());
select is_empty('select t.name from symbols as t', 'a former member sees no symbols');
select tests.act_as(gen_random_uuid());
select is_empty('select t.name from symbols as t', 'a stranger sees no symbols');
select tests.act_with_claims(null);
select is_empty('select t.name from symbols as t', 'no symbols are visible without claims');
select tests.act_with_claims('{"sub": "no uuid", "email": "alice@example.com"}');
select is_empty('select t.name from symbols as t', 'no symbols are visible with invalid claims');
select tests.act_as_anon();
select is(tests.refusal('select t.name from symbols as t'), '42501', 'anon may not read');
select tests.act_as(tests.alice());
select is(
  tests.refusal('delete from symbols as t'), '42501', 'the owner may not delete symbols');
select is(
  tests.refusal('truncate symbols'), '42501', 'the owner may not truncate the table');
select tests.act_as_worker();
select is(tests.refusal('delete from symbols'), '42501', 'the service may not delete symbols');
select is(tests.refusal('insert into symbols default values'), '42501',
  'the service may not insert symbols');
select is(tests.refusal('truncate symbols'), '42501', 'the service may not truncate the table');
select is(tests.refusal($$ update symbols set repository_id = null $$), '42501',
  'the service may not update symbols');
select is(
  (select count(*)::integer from symbols), 2, 'the service sees the symbols of all tenants');

select * from finish();
rollback;
