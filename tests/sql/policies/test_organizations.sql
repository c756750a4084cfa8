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
select set_eq('select o.slug from organizations as o', array['acme'], 'so does a member');
select tests.act_as(tests.dave());
select is_empty('select o.slug from organizations as o', 'a former member sees none');
select tests.act_as(tests.alice());
select is_empty('select o.slug from organizations as o', 'who is in none of them sees none');
select tests.act_as(gen_random_uuid());
select is_empty('select o.slug from organizations as o', 'a stranger sees none');
select tests.act_with_claims(null);
select is_empty('select o.slug from organizations as o', 'without claims none is seen');
select tests.act_with_claims('{"sub": "no uuid"}');
select is_empty('select o.slug from organizations as o', 'with garbage claims none is seen');
select tests.act_as_anon();
select is(tests.refusal('select o.slug from organizations as o'), '42501', 'anon may not look');

select tests.act_as(tests.bob());
select is(
  tests.refusal($$ insert into organizations (slug, name) values ('mine', 'Mine') $$),
  '42501', 'users make no organizations');
select is(
  tests.refusal($$ update organizations set name = 'x' $$), '42501', 'nor change them');
select is(tests.refusal('delete from organizations'), '42501', 'nor remove them');
select tests.act_as_worker();
select is(
  tests.refusal($$ insert into organizations (slug, name) values ('third', 'Third') $$),
  'accepted', 'the service does');
select set_eq(
  'select o.slug from organizations as o', array['acme', 'other', 'third'],
  'the service sees all of them');

select * from finish();
rollback;
