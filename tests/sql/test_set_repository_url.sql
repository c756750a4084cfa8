begin;
select plan(14);

select tests.arrange_cast();
create function pg_temp.verdict(p_repository_id uuid, p_url text) returns text language sql as $$
  select tests.refusal(format('select set_repository_url(%L, %L)', p_repository_id, p_url));
$$;

select tests.act_as(tests.alice());
select results_eq(
  $$ select r.id, r.full_name, r.git_url, r.owner_user_id
     from set_repository_url(tests.alice_repository(), 'HTTPS://New.example.com/app/') as r $$,
  $$ values (tests.alice_repository(), 'alice/app', 'https://new.example.com/app', tests.alice()) $$,
  'the owner may correct the URL, which is normalized');
select is(
  pg_temp.verdict(tests.alice_repository(), '/srv/app'), 'accepted', 'a folder is accepted');
select is(
  (select r.git_url from repositories as r where r.id = tests.alice_repository()),
  'file:///srv/app', 'a folder is stored as file URL');
select set_eq(
  $$ select pg_temp.verdict(tests.alice_repository(), u)
     from unnest(array[null, '', 'ssh://h/a', 'https://u:p@h/a', 'https://h']) as u $$,
  array['PT422 invalid_git_url git_url'], 'text that is not a URL is rejected');
select is(
  pg_temp.verdict(tests.acme_repository(), 'https://h/a'), 'PT404',
  'another tenant''s repository is not found');
select is(pg_temp.verdict(gen_random_uuid(), 'https://h/a'), 'PT404', 'null is not found');
select is(pg_temp.verdict(null, ''), 'PT404', 'this holds for every new URL');

select tests.act_as(tests.bob());
select is(
  pg_temp.verdict(tests.acme_repository(), 'https://h/a'), 'accepted',
  'an owner of the organization may change it');
select tests.act_as(tests.carol());
select is(
  pg_temp.verdict(tests.acme_repository(), 'https://h/b'), 'PT403 not_allowed repository_id',
  'a member may not change it');
select tests.act_as_admin();
update organization_members set role = 'admin' where user_id = tests.carol();
select tests.act_as(tests.carol());
select is(
  pg_temp.verdict(tests.acme_repository(), 'https://h/b'), 'accepted', 'an admin may change it');
select tests.act_as(tests.dave());
select is(
  pg_temp.verdict(tests.acme_repository(), 'https://h/c'), 'PT404',
  'a former member finds nothing');
select tests.act_with_claims('{}');
select is(
  pg_temp.verdict(tests.acme_repository(), 'https://h/c'), 'PT404',
  'without claims nothing is found');
select tests.act_as_anon();
select is(pg_temp.verdict(tests.acme_repository(), 'https://h/c'), '42501',
  'anon may not change it');
select tests.act_as_worker();
select is(
  pg_temp.verdict(tests.acme_repository(), 'https://h/c'), '42501',
  'the service updates the table instead');

select * from finish();
rollback;
