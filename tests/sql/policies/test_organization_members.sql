begin;
select plan(15);

select policies_are('public', 'organization_members', array[
  'organization_members_select_authenticated',
  'organization_members_all_service_role',
  'organization_members_select_job_writer'
], 'these are the policies, and no others');

select tests.arrange_cast();

select tests.act_as(tests.bob());
select set_eq(
  'select m.user_id from organization_members as m', array[tests.bob()],
  'an owner sees the own membership only');
select tests.act_as(tests.carol());
select set_eq(
  'select m.user_id from organization_members as m', array[tests.carol()], 'so does a member');
select tests.act_as(tests.dave());
select is_empty(
  'select m.user_id from organization_members as m', 'a former member sees none');
select tests.act_as(tests.alice());
select is_empty(
  'select m.user_id from organization_members as m', 'who is in no organization sees none');
select tests.act_as(gen_random_uuid());
select is_empty('select m.user_id from organization_members as m', 'a stranger sees none');
select tests.act_with_claims(null);
select is_empty(
  'select m.user_id from organization_members as m', 'without claims none is seen');
select tests.act_with_claims('{"sub": "no uuid"}');
select is_empty(
  'select m.user_id from organization_members as m', 'with garbage claims none is seen');
select tests.act_as_anon();
select is(
  tests.refusal('select m.user_id from organization_members as m'), '42501', 'anon may not look');

select tests.act_as(tests.dave());
select is(
  tests.refusal($$ insert into organization_members (organization_id, user_id)
    values (tests.acme(), tests.dave()) $$),
  '42501', 'nobody joins by himself');
select tests.act_as(tests.carol());
select is(
  tests.refusal($$ update organization_members set role = 'owner' $$),
  '42501', 'a member does not become owner by himself');
select tests.act_as(tests.bob());
select is(
  tests.refusal($$ delete from organization_members $$), '42501', 'nobody leaves by himself');

select tests.act_as_worker();
select is(
  tests.refusal($$ insert into organization_members (organization_id, user_id, role)
    values (tests.acme(), tests.dave(), 'member') $$),
  'accepted', 'the service adds members');
select set_eq(
  'select m.user_id from organization_members as m',
  array[tests.bob(), tests.carol(), tests.dave()], 'the service sees all of them');
select is(
  tests.refusal($$ insert into organization_members (organization_id, user_id, role)
    values (tests.acme(), tests.alice(), 'king') $$),
  '23514 organization_members_role_is_known', 'a member is owner, admin or member');

select * from finish();
rollback;
