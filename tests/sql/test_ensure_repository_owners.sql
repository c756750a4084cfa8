begin;
select plan(4);

select tests.arrange_cast();
insert into organizations (id, slug, name)
values ('00000000-0000-4000-8000-0000000000e1', 'other', 'Other');
insert into organization_members (organization_id, user_id, role)
values ('00000000-0000-4000-8000-0000000000e1', tests.alice(), 'owner');

select tests.act_as(tests.alice());
select is(
  tests.refusal($$ select ensure_repository('acme/x', 'https://example.com/x.git',
    tests.acme()) $$),
  'PT422 unknown_organization organization',
  'a member of another organization may not add to this one');
select tests.act_as(tests.bob());
select results_eq(
  $$ select r.owner_user_id, r.organization_id
     from ensure_repository('acme/shop', 'https://example.com/acme/shop.git') as r $$,
  $$ values (tests.bob(), null::uuid) $$,
  'a member''s repository with a name of the organization is another repository');
select ensure_repository('bob/x', 'https://example.com/bob/x.git');
select results_eq(
  $$ select r.owner_user_id, r.organization_id
     from ensure_repository('bob/x', 'https://example.com/bob/x.git', tests.acme()) as r $$,
  $$ values (null::uuid, tests.acme()) $$, 'the organization''s repository is another one too');
select tests.act_as_admin();
insert into organization_members (organization_id, user_id, role)
values ('00000000-0000-4000-8000-0000000000e1', tests.bob(), 'member');
select tests.act_as(tests.bob());
select results_eq(
  $$ select r.organization_id from ensure_repository('acme/shop',
     'https://example.com/acme/shop.git', '00000000-0000-4000-8000-0000000000e1') as r $$,
  $$ values ('00000000-0000-4000-8000-0000000000e1'::uuid) $$,
  'the same holds for a member of two organizations');

select * from finish();
rollback;
