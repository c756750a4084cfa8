begin;
select plan(11);

select policies_are('public', 'repositories', array[
  'repositories_select_authenticated',
  'repositories_insert_authenticated',
  'repositories_all_service_role',
  'repositories_select_job_roles',
  'repositories_update_job_writer'
], 'these are the policies, and no others');

select tests.arrange_cast();

select tests.act_as(tests.alice());
select set_eq(
  'select t.full_name from repositories as t', array['alice/app'],
  'a user sees their own repositories');
select tests.act_as(tests.bob());
select set_eq(
  'select t.full_name from repositories as t', array['acme/shop'],
  'an owner sees the organization''s repositories');
select tests.act_as(tests.carol());
select set_eq(
  'select t.full_name from repositories as t', array['acme/shop'],
  'a member sees the organization''s repositories');
select tests.act_as(tests.dave());
select is_empty('select t.full_name from repositories as t',
  'a former member sees no repositories');
select tests.act_as(gen_random_uuid());
select is_empty('select t.full_name from repositories as t', 'a stranger sees no repositories');
select tests.act_with_claims(null);
select is_empty('select t.full_name from repositories as t',
  'no repositories are visible without claims');
select tests.act_with_claims('{"sub": "no uuid", "email": "alice@example.com"}');
select is_empty('select t.full_name from repositories as t',
  'no repositories are visible with invalid claims');
select tests.act_as_anon();
select is(tests.refusal('select t.full_name from repositories as t'), '42501', 'anon may not read');
select tests.act_as_worker();
select set_eq(
  'select t.full_name from repositories as t', array['alice/app', 'acme/shop'],
  'the service sees every repository');
select lives_ok(
  $$ delete from repositories as r where r.id = tests.acme_repository() $$,
  'the service may delete repositories');

select * from finish();
rollback;
