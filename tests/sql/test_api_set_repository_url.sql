begin;
select plan(8);

select tests.arrange_cast();
create function pg_temp.answer(
  p_url text, p_local_url text default null, p_user_id uuid default tests.alice(),
  p_repository_id text default tests.alice_repository()::text
) returns text language sql as $$
  select concat_ws(' ', a.verdict, nullif(a.code, ''), nullif(a.field, ''), a.body::json ->> 'git_url', a.rate_remaining)
  from api_set_repository_url(
    null, jsonb_build_object('sub', p_user_id, 'role', 'authenticated'), p_repository_id, p_url,
    'https://git.example/', p_local_url) as a;
$$;
select tests.act_as_http();

select is(
  pg_temp.answer('alice/moved'), 'ok https://git.example/alice/moved.git 99',
  'the owner may set owner/name below the base URL, for one request');
select is(
  pg_temp.answer('HTTPS://h/alice/app/'), 'ok https://h/alice/app 98',
  'the owner may set an https URL');
select is(
  pg_temp.answer(null, 'file:///srv/app'), 'ok file:///srv/app 97', 'the owner may set a folder');
select results_eq(
  $$ select pg_temp.answer(u, l) from (values
       (1, null, null), (2, 'http://h/a/b', null), (3, '/srv/app', null), (4, 'name', null),
       (5, null, '/srv/app')) as t (n, u, l) order by n $$,
  array['PT422 missing_repository git_url 96', 'PT422 invalid_repository git_url 95',
    'PT422 invalid_repository git_url 94', 'PT422 invalid_repository git_url 93',
    'PT422 invalid_local_path localPath 92'],
  'anything else is rejected, and the request is counted');
select is(
  pg_temp.answer('a/b', p_user_id => tests.bob()), 'PT404 99',
  'another tenant''s repository is not found');
select is(pg_temp.answer('a/b', p_repository_id => 'x'), 'PT404 91', 'a malformed id is not found');
select is(
  pg_temp.answer('a/b', null, tests.carol(), tests.acme_repository()::text),
  'PT403 not_allowed repository_id 99', 'a member may not change an organization''s repository');
select is(
  (select a.verdict from api_set_repository_url('ij_0_0', null, '', 'a/b') as a), 'PT401',
  'an unknown key is rejected');

select * from finish();
rollback;
