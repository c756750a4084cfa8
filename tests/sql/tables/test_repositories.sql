begin;
select plan(9);

select tests.arrange_cast();
create function pg_temp.verdict(
  p_user uuid, p_organization uuid, p_name text default 'a/b',
  p_url text default 'https://example.com/a.git') returns text
language sql as $$
  select tests.refusal(format('insert into repositories (owner_user_id, organization_id, full_name,'
    ' git_url) values (%L, %L, %L, %L)', p_user, p_organization, p_name, p_url));
$$;

select is(
  pg_temp.verdict(tests.alice(), tests.acme()), '23514 repositories_belong_to_one_owner',
  'a repository cannot have two owners');
select is(
  pg_temp.verdict(null, null), '23514 repositories_belong_to_one_owner',
  'a repository must have an owner');
select is(
  pg_temp.verdict(tests.alice(), null, 'alice/app'),
  '23505 repositories_owner_user_id_full_name_idx', 'repository names are unique per user');
select is(
  pg_temp.verdict(null, tests.acme(), 'acme/shop'),
  '23505 repositories_organization_id_full_name_idx',
  'repository names are unique per organization');
select is(
  pg_temp.verdict(tests.bob(), null, 'alice/app'), 'accepted',
  'another owner may use the same name');
select is(
  pg_temp.verdict(tests.alice(), null, 'name'), '23514 repositories_full_name_is_a_path',
  'a name is a path');
select is(
  pg_temp.verdict(tests.alice(), null, 'a/..'), '23514 repositories_full_name_is_a_path',
  'a name must not go up');
select is(
  pg_temp.verdict(tests.alice(), null, 'a/b', 'ext::sh'),
  '23514 repositories_git_url_is_without_credentials', 'a URL must be one that git can clone');
select is(
  pg_temp.verdict(tests.alice(), null, 'a/b', 'https://bob:secret@example.com/a'),
  '23514 repositories_git_url_is_without_credentials', 'a URL must not hold credentials');

select * from finish();
rollback;
