begin;
select plan(14);

select policies_are('public', 'organizations', array[
  'organizations_select_authenticated',
  'organizations_all_service_role'
], 'these are the policies, and no others');

select tests.arrange_cast();
insert into organizations (id, slug, name) values
  ('00000000-0000-4000-8000-0000000000e1', 'other', 'Other');

select tests.act_as(tests.bob());
select set_eq(
  'select o.slug from organizations as o', array['acme'], 'an owner sees the organization');
select tests.act_as(tests.carol());
select set_eq('select o.slug from organizations as o', array['acme'],
  'a member sees the organization');
select tests.act_as(tests.dave());
select is_empty('select o.slug from organizations as o', 'a former member sees no organization');
select tests.act_as(tests.alice());
select is_empty('select o.slug from organizations as o', 'a user in no organization sees none');
select tests.act_as(gen_random_uuid());
select is_empty('select o.slug from organizations as o', 'a stranger sees no organization');
select tests.act_with_claims(null);
select is_empty('select o.slug from organizations as o',
  'no organization is visible without claims');
select tests.act_with_claims('{"sub": "no uuid"}');
select is_empty('select o.slug from organizations as o',
  'no organization is visible with invalid claims');
select tests.act_as_anon();
select is(tests.refusal('select o.slug from organizations as o'), '42501', 'anon may not read');

select tests.act_as(tests.bob());
select is(
  tests.refusal($$ insert into organizations (slug, name) values ('mine', 'Mine') $$),
  '42501', 'users may not create organizations');
select is(
  tests.refusal($$ update organizations set name = 'x' $$), '42501',
  'users may not update organizations');
select is(tests.refusal('delete from organizations'), '42501',
  'users may not delete organizations');
select tests.act_as_worker();
select is(
  tests.refusal($$ insert into organizations (slug, name) values ('third', 'Third') $$),
  'accepted', 'the service may create organizations');
select set_eq(
  'select o.slug from organizations as o', array['acme', 'other', 'third'],
  'the service sees all organizations');

select * from finish();
rollback;
