begin;
select plan(16);

select tests.arrange_cast();

select tests.act_as(tests.alice());
select is(
  tests.refusal($$ insert into repositories (full_name, git_url, owner_user_id)
    values ('alice/new', 'https://example.com/new.git', tests.alice()) $$),
  'accepted', 'a user may add a repository of their own');
select is(
  tests.refusal($$ insert into repositories (full_name, git_url, owner_user_id)
    values ('bob/new', 'https://example.com/new.git', tests.bob()) $$),
  '42501', 'a user may not add a repository of another user');
select is(
  tests.refusal($$ insert into repositories (full_name, git_url, organization_id)
    values ('acme/new', 'https://example.com/new.git', tests.acme()) $$),
  '42501', 'a user may not add a repository to a foreign organization');
select is(
  tests.refusal($$ insert into repositories (id, full_name, git_url, owner_user_id)
    values (gen_random_uuid(), 'alice/id', 'https://example.com/new.git', tests.alice()) $$),
  '42501', 'a user may not choose the id');
select is(
  tests.refusal($$ insert into repositories (full_name, git_url, owner_user_id)
    values ('alice/key', 'https://alice:secret@example.com/a.git', tests.alice()) $$),
  '23514 repositories_git_url_is_without_credentials', 'a user may not add a URL with credentials');
select is(
  tests.refusal($$ insert into repositories (full_name, git_url, owner_user_id)
    values ('alice/local', '/srv/alice', tests.alice()) $$),
  'accepted', 'a user may add a local path');
select is(
  tests.refusal($$ update repositories set git_url = 'https://example.com/other.git' $$),
  '42501', 'a user may not update a repository');
select is(tests.refusal('delete from repositories'), '42501', 'a user may not delete a repository');

select tests.act_as(tests.bob());
select is(
  tests.refusal($$ insert into repositories (full_name, git_url, organization_id)
    values ('acme/owned', 'https://example.com/owned.git', tests.acme()) $$),
  'accepted', 'an owner may add a repository to the organization');
select tests.act_as(tests.carol());
select is(
  tests.refusal($$ insert into repositories (full_name, git_url, organization_id)
    values ('acme/new', 'https://example.com/new.git', tests.acme()) $$),
  'accepted', 'a member may add a repository to the organization');
select tests.act_as(tests.dave());
select is(
  tests.refusal($$ insert into repositories (full_name, git_url, organization_id)
    values ('acme/old', 'https://example.com/old.git', tests.acme()) $$),
  '42501', 'a former member may not add one');
select tests.act_as(gen_random_uuid());
select is(
  tests.refusal($$ insert into repositories (full_name, git_url, owner_user_id)
    values ('alice/x', 'https://example.com/x.git', tests.alice()) $$),
  '42501', 'a stranger may not add one for another user');
select tests.act_with_claims(null);
select is(
  tests.refusal($$ insert into repositories (full_name, git_url, owner_user_id)
    values ('alice/x', 'https://example.com/x.git', tests.alice()) $$),
  '42501', 'nothing may be added without claims');
select tests.act_with_claims('{"sub": "no uuid"}');
select is(
  tests.refusal($$ insert into repositories (full_name, git_url, owner_user_id)
    values ('alice/x', 'https://example.com/x.git', tests.alice()) $$),
  '42501', 'nothing may be added with invalid claims');
select tests.act_as_anon();
select is(
  tests.refusal($$ insert into repositories (full_name, git_url, owner_user_id)
    values ('alice/x', 'https://example.com/x.git', tests.alice()) $$),
  '42501', 'anon may not add one');
select tests.act_as_worker();
select is(
  tests.refusal($$ update repositories set git_url = 'https://example.com/other.git' $$),
  'accepted', 'the service may update any repository');

select * from finish();
rollback;
