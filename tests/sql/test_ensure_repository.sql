begin;
select plan(15);

select tests.arrange_cast();

select tests.act_as(tests.alice());
select results_eq(
  $$ select r.full_name, r.git_url, r.owner_user_id, r.organization_id
     from ensure_repository('alice/new', 'https://example.com/alice/new.git') as r $$,
  $$ values ('alice/new', 'https://example.com/alice/new.git', tests.alice(), null::uuid) $$,
  'a new repository is created for the user');
select is(
  (select r.id from ensure_repository('alice/app') as r), tests.alice_repository(),
  'an existing repository is found by name');
select is(
  (select r.id from ensure_repository('alice/app', 'https://example.com/alice/app.git') as r),
  tests.alice_repository(), 'an existing repository is found by name and URL');
select is(
  tests.refusal($$ select ensure_repository('alice/app', 'https://example.com/else.git') $$),
  'PT409 repository_url_differs git_url', 'its URL does not change');
select is_empty(
  $$ select u from unnest(array['HTTPS://Example.com./alice/app', 'https://example.com/alice/app/',
       'https://example.com//alice/%61pp.git']) as u
     where (select r.id from ensure_repository('alice/app', u) as r) is distinct from tests.alice_repository() $$,
  'each spelling of its URL matches');
select is(
  (select r.git_url from ensure_repository('alice/respelled', 'HTTPS://Example.com:443/%61/') as r),
  'https://example.com/a', 'a new repository has a normalized URL');
select is(
  tests.refusal($$ select ensure_repository('alice/unknown') $$),
  'PT422 missing_git_url git_url', 'a new repository requires a URL');
select is(
  tests.refusal($$ select ensure_repository('acme/x', 'https://example.com/x.git',
    tests.acme()) $$),
  'PT422 unknown_organization organization', 'a stranger may not add to an organization');
select is(
  tests.refusal($$ select ensure_repository('acme/x', 'https://example.com/x.git',
    gen_random_uuid()) $$),
  'PT422 unknown_organization organization', 'an unknown organization gets the same error');

select tests.act_as(tests.carol());
select results_eq(
  $$ select r.owner_user_id, r.organization_id
     from ensure_repository('acme/x', 'https://example.com/x.git', tests.acme()) as r $$,
  $$ values (null::uuid, tests.acme()) $$,
  'a member may add repositories to the organization');
select results_eq(
  $$ select r.owner_user_id, r.git_url
     from ensure_repository('alice/app', 'https://example.com/carol.git') as r $$,
  $$ values (tests.carol(), 'https://example.com/carol.git') $$,
  'names are unique per owner');

select tests.act_as(tests.dave());
select is(
  tests.refusal($$ select ensure_repository('acme/shop', null, tests.acme()) $$),
  'PT422 unknown_organization organization', 'a former member finds nothing');
select tests.act_with_claims(null);
select is(
  tests.refusal($$ select ensure_repository('a/b', 'https://example.com/b.git') $$),
  '42501', 'a caller without claims may not add');
select tests.act_as_anon();
select is(
  tests.refusal($$ select ensure_repository('a/b', 'https://example.com/b.git') $$),
  '42501', 'anon may not add');

select tests.act_as_admin();
select is(
  (select count(*)::integer from repositories), 6, 'rejected calls leave nothing');

select * from finish();
rollback;
