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
  'a repository has no two owners');
select is(
  pg_temp.verdict(null, null), '23514 repositories_belong_to_one_owner', 'it has one');
select is(
  pg_temp.verdict(tests.alice(), null, 'alice/app'),
  '23505 repositories_owner_user_id_full_name_idx', 'a user has each name once');
select is(
  pg_temp.verdict(null, tests.acme(), 'acme/shop'),
  '23505 repositories_organization_id_full_name_idx', 'an organization has each name once');
select is(
  pg_temp.verdict(tests.bob(), null, 'alice/app'), 'accepted', 'another owner has it, too');
select is(
  pg_temp.verdict(tests.alice(), null, 'name'), '23514 repositories_full_name_is_a_path',
  'a name is a path');
select is(
  pg_temp.verdict(tests.alice(), null, 'a/..'), '23514 repositories_full_name_is_a_path',
  'that leads down');
select is(
  pg_temp.verdict(tests.alice(), null, 'a/b', 'ext::sh'),
  '23514 repositories_git_url_is_without_credentials', 'a URL is one that git clones from');
select is(
  pg_temp.verdict(tests.alice(), null, 'a/b', 'https://bob:secret@example.com/a'),
  '23514 repositories_git_url_is_without_credentials', 'and holds no credentials');

select * from finish();
rollback;
