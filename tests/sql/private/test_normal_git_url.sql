begin;
select plan(8);

create function pg_temp.spelled(variadic p_urls text[]) returns setof text language sql as $$
  select private.normal_git_url(u) from unnest(p_urls) with ordinality as t (u, n) order by n;
$$;

select set_eq(
  $$ select pg_temp.spelled('https://git.example/a/b', 'HTTPS://Git.EXAMPLE/a/b',
       'https://git.example./a/b', 'https://git.example:443/a/b', 'https://git.example.:443/a/b',
       'https://git.example/a/b/', 'https://git.example//a/./b//', 'https://git.example/a/b/.',
       'https://git.example/%61/%62', 'https://git.example/a/%2e/b') $$,
  array['https://git.example/a/b'], 'all spellings of one URL are normalized alike');
select results_eq(
  $$ select pg_temp.spelled('https://git.example/A/b', 'https://git.example/a/b.git',
       'https://git.example:8443/a', 'https://git.example:80/a', 'http://git.example:80/a',
       'http://git.example:443/a', 'https://git.example/.', 'https://git.example/a...b/...') $$,
  array['https://git.example/A/b', 'https://git.example/a/b.git', 'https://git.example:8443/a',
    'https://git.example:80/a', 'http://git.example/a', 'http://git.example:443/a',
    'https://git.example/.', 'https://git.example/a...b/...'],
  'spellings that a host may distinguish are kept');
select results_eq(
  $$ select pg_temp.spelled('https://h/%7eu/c%2b%2B%2d%2E%5f', 'https://h/~u/c++-._',
       'https://h/a%2fb%20c', 'https://h/a%2Fb%20c', 'https://h/a%40b', 'https://h/a@b!c',
       'https://h/50%', 'https://h/%30%39%3a%40%41%5a%5b%61%7a%7b%4f%4a%50%6f%70%2c') $$,
  array['https://h/~u/c++-._', 'https://h/~u/c++-._', 'https://h/a%2Fb%20c', 'https://h/a%2Fb%20c',
    'https://h/a%40b', 'https://h/a%40b%21c', 'https://h/50%25',
    'https://h/09%3A%40AZ%5Baz%7BOJPop%2C'],
  'letters, digits and ._~+- are literal, everything else is %XX');
select results_eq(
  $$ select pg_temp.spelled('https://www.github.com/a', 'https://WWW.gitlab.com./a',
       'https://www.bitbucket.org:443/a', 'https://www.git.example/a', 'https://www.github.com.x/a',
       'https://www.github.com:8443/a', 'https://wwwxgithub.com/a', 'https://xwww.github.com/a') $$,
  array['https://github.com/a', 'https://gitlab.com/a', 'https://bitbucket.org/a',
    'https://www.git.example/a', 'https://www.github.com.x/a', 'https://www.github.com:8443/a',
    'https://wwwxgithub.com/a', 'https://xwww.github.com/a'],
  'www. is removed for hosts where it has no meaning');
select results_eq(
  $$ select pg_temp.spelled('https://[2001:DB8::0:1]/a', 'https://[::1].:8443/a',
       'https://[0:0::1]:443/a') $$,
  array['https://[2001:db8::1]/a', 'https://[::1]:8443/a', 'https://[::1]/a'],
  'an IPv6 address is normalized');
select set_eq(
  $$ select pg_temp.spelled('/srv/a b', '//srv/./a b/', 'file:///srv/a%20b',
       'FILE://LOCALHOST/srv/a b/') $$,
  array['file:///srv/a%20b'], 'a path becomes a file URL');
select results_eq(
  $$ select pg_temp.spelled('/a%20b', 'file:///a%25b', '/ä', 'file:///%c3%a4', '/a/../b', '/WWW') $$,
  array['file:///a%2520b', 'file:///a%25b', 'file:///%C3%A4', 'file:///%C3%A4', 'file:///a/../b',
    'file:///WWW'],
  'in a path, percent signs are literal and symbolic links are preserved');
select results_eq(
  $$ select pg_temp.spelled('', 'HTTPS://u:p@H/a', 'ssh://H/a', null) $$,
  array['', 'HTTPS://u:p@H/a', 'ssh://H/a', null], 'text that is not a URL does not change');

select * from finish();
rollback;
