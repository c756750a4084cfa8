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
  'an owner sees only their own membership');
select tests.act_as(tests.carol());
select set_eq(
  'select m.user_id from organization_members as m', array[tests.carol()],
  'a member sees only their own membership');
select tests.act_as(tests.dave());
select is_empty(
  'select m.user_id from organization_members as m', 'a former member sees no membership');
select tests.act_as(tests.alice());
select is_empty(
  'select m.user_id from organization_members as m',
  'a user in no organization sees no membership');
select tests.act_as(gen_random_uuid());
select is_empty('select m.user_id from organization_members as m', 'a stranger sees no membership');
select tests.act_with_claims(null);
select is_empty(
  'select m.user_id from organization_members as m', 'no membership is visible without claims');
select tests.act_with_claims('{"sub": "no uuid"}');
select is_empty(
  'select m.user_id from organization_members as m',
  'no membership is visible with invalid claims');
select tests.act_as_anon();
select is(
  tests.refusal('select m.user_id from organization_members as m'), '42501', 'anon may not read');

select tests.act_as(tests.dave());
select is(
  tests.refusal($$ insert into organization_members (organization_id, user_id)
    values (tests.acme(), tests.dave()) $$),
  '42501', 'users may not add themselves');
select tests.act_as(tests.carol());
select is(
  tests.refusal($$ update organization_members set role = 'owner' $$),
  '42501', 'a member may not make themselves an owner');
select tests.act_as(tests.bob());
select is(
  tests.refusal($$ delete from organization_members $$), '42501',
  'users may not remove themselves');

select tests.act_as_worker();
select is(
  tests.refusal($$ insert into organization_members (organization_id, user_id, role)
    values (tests.acme(), tests.dave(), 'member') $$),
  'accepted', 'the service may add members');
select set_eq(
  'select m.user_id from organization_members as m',
  array[tests.bob(), tests.carol(), tests.dave()], 'the service sees all members');
select is(
  tests.refusal($$ insert into organization_members (organization_id, user_id, role)
    values (tests.acme(), tests.alice(), 'king') $$),
  '23514 organization_members_role_is_known', 'the role of a member is owner, admin or member');

select * from finish();
rollback;
