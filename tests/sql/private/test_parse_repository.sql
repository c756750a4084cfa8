begin;
select plan(11);

create function pg_temp.parsed(
  p_repository text, p_local_url text default null, p_base text default 'https://github.com/'
) returns text language sql as $$
  select r.full_name || ' ' || r.git_url
  from private.parse_repository(p_repository, p_base, p_local_url) as r;
$$;

select set_eq(
  $$ select pg_temp.parsed(r) from unnest(array['owner/name', 'owner/name.git',
       'https://github.com/owner/name', 'HTTPS://GitHub.com:443/owner/name.git/',
       'https://github.com./owner/name/', 'https://www.github.com/owner/name',
       'https://github.com/owner//name.git', 'https://github.com/%6Fwner/./name']) as r $$,
  array['owner/name https://github.com/owner/name.git'],
  'all spellings below the base URL are one repository');
select results_eq(
  $$ select pg_temp.parsed(r) from unnest(array['https://host.example/a/b',
       'https://host.example/a.git', 'https://h:8443/a/b/c.git', 'https://git.example/a/b/c',
       'https://Host.example/A/'])
       with ordinality as r (r, n) order by n $$,
  array['host.example/a/b https://host.example/a/b', 'host.example/a https://host.example/a.git',
    'h_8443/a/b/c https://h:8443/a/b/c.git', 'git.example/a/b/c https://git.example/a/b/c',
    'host.example/A https://host.example/A'],
  'other URLs are named by host, port and path');
select results_eq(
  $$ select pg_temp.parsed(r) from unnest(array['https://h/%7euser/c++%20kit.git',
       'https://h/~user/c%2B%2B%20kit', '~user/c++', 'a/b%20c', 'https://h/a@b'])
       with ordinality as r (r, n) order by n $$,
  array['h/~user/c++%20kit https://h/~user/c++%20kit.git',
    'h/~user/c++%20kit https://h/~user/c++%20kit', '~user/c++ https://github.com/~user/c++.git',
    'a/b%20c https://github.com/a/b%20c.git', 'h/a%40b https://h/a%40b'],
  'every valid URL path is a valid name in the same spelling');
select set_eq(
  $$ select pg_temp.parsed(r, p_base => b) from (values
       ('a/b', 'HTTPS://Git.Example:443/'), ('https://git.example/a/b.git', 'https://git.example/'),
       ('https://git.example/a/b', 'https://GIT.example./')) as t (r, b) $$,
  array['a/b https://git.example/a/b.git'], 'spellings of the base URL are equivalent');
select is(
  pg_temp.parsed('a/b', 'file://localhost/srv/%61//x/'), 'a/b file:///srv/a/x',
  'spellings of a folder are equivalent');
select is(
  pg_temp.parsed('a/b', p_base => 'https://git.example:8443/x/'),
  'a/b https://git.example:8443/x/a/b.git', 'the base URL may have a port and a path');
create function pg_temp.hint_for(p_repository text) returns text language plpgsql as $$
declare
  v_hint text;
begin
  return pg_temp.parsed(p_repository);
exception when sqlstate 'PT422' then
  get stacked diagnostics v_hint = pg_exception_hint;
  return v_hint;
end;
$$;
select results_eq(
  $$ select pg_temp.hint_for(r) from unnest(array[
       'https://github.com/a/b/tree/main', 'https://www.github.com/a/b.git/pull/1',
       'https://github.com/a/b/issues', 'https://bitbucket.org/a/b/src/main/',
       'https://codeberg.org/a/b/src/branch/main', 'https://git.example/g/s/p/-/tree/main',
       'https://git.example/g/p/-', 'https://git.example/a/b/blob/main/x.py',
       'https://git.example/a/b/commit/1', 'https://git.example/a/b/src/branch/main'])
       with ordinality as r (r, n) order by n $$,
  $$ select format('Send https://%s, and a branch, a tag or a commit as ref.', u)
     from unnest(array['github.com/a/b', 'github.com/a/b.git', 'github.com/a/b',
       'bitbucket.org/a/b', 'codeberg.org/a/b', 'git.example/g/s/p', 'git.example/g/p',
       'git.example/a/b', 'git.example/a/b', 'git.example/a/b'])
       with ordinality as u (u, n) order by n $$,
  'the URL of a web page names its repository');
select is_empty(
  $$ select r from unnest(array['https://git.example/tree/main', 'https://git.example/a/tree',
       'https://git.example/a/b/treehouse/x', 'https://git.example/a/b/src/x', 'tree/main',
       'https://git.example/a-/b', 'https://github.com/tree/main',
       'https://git.example/a/tree/x']) as r
     where pg_temp.hint_for(r) like 'Send%' $$,
  'a URL that only resembles a web page is a repository');
select is(
  pg_temp.parsed('local/x.git', 'file:///srv/x'), 'local/x.git file:///srv/x',
  'a folder gets the given name');
select set_eq(
  $$ select tests.refusal(format('select pg_temp.parsed(%L, %L)', r, l)) from (values
       ('', null), ('name', null), ('a/b/c', null), ('owner/.git', null), ('a/..', null),
       ('-a/b', null), ('git@github.com:a/b', null), ('file:///etc', null), ('/etc/x', null),
       ('ssh://h/a/b', null), ('http://h/a/b', null),
       ('http://host.example/a/b', null), ('ssh://host.example/a/b', null), ('https://h', null), ('a/%2e', null),
       ('a/b%zz', null), ('a/b c', null), ('a/%2f..%2Fb', null), ('a@b/c', null), ('https://u@h/a/b', null), 
       ('https://[::1]/a/b', null), ('https://h/-a', null), ('https://h/1/2/3/4/5/6/7/8', null),
       (' https://h/a', null), ('https://h/' || repeat('a', 300), null),
       ('https://h/a/b', 'file:///srv/x'), ('name', 'file:///srv/x'), ('a/b/c', 'file:///srv/x')
     ) as r (r, l) $$,
  array['PT422 invalid_repository repository'], 'an invalid repository is rejected with its field');
select results_eq(
  $$ select tests.refusal(format('select pg_temp.parsed(%L, %L)', r, l)) from (values
       (1, null, null), (2, 'a/b', 'https://h/a'), (3, 'a/b', '/srv/x'),
       (4, 'a/b', 'file:///' || repeat('a', 2048))) as r (n, r, l) order by n $$,
  array['PT422 missing_repository repository', 'PT422 invalid_local_path localPath',
    'PT422 invalid_local_path localPath', 'PT422 invalid_local_path localPath'],
  'a missing repository and an invalid local path are rejected');

select * from finish();
rollback;
