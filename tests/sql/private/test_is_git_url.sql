begin;
select plan(6);

select is_empty(
  $$ select u from unnest(array['https://example.com/a.git', 'https://example.com',
       'http://127.0.0.1:8080/a', 'https://[::1]:8443/a', 'https://example.com/a@b.git',
       'https://example.com/~a/b%20c', 'https://example.com/' || repeat('a', 2028)]) as u
     where private.is_git_url(u) is not true $$,
  'addresses on the net are taken');
select is_empty(
  $$ select u from unnest(array['/srv/a', '/srv/a b@c?d#e', 'file:///srv/a', '/a', '/ä:b@c']) as u
     where private.is_git_url(u) is not true $$,
  'absolute paths are taken, whatever they are called');
select is_empty(
  $$ select u from unnest(array['https://u:p@h/a', 'https://u@h/a', 'http://:p@h', 'https://u:p@h',
       'https:///u:p@h', 'https:////u:p@h/a', 'https:/u:p@h', 'https:u:p@h', 'https://u:p/q@h/a',
       'https://u:1/q@h/a', 'https://u:p@q@h/a', 'https://h/https://u:p@g/a',
       'https://u:p\@h/a', 'HTTPS://u:p@h/a', 'ssh://u:p@h/a']) as u
     where private.is_git_url(u) is not false $$,
  'a user or a password is refused, wherever it hides');
select is_empty(
  $$ select u from unnest(array['https://h/a?access_token=x', 'https://h?x', 'https://h/a#token=x',
       'http://h/a?']) as u
     where private.is_git_url(u) is not false $$,
  'a query or a fragment is refused');
select is_empty(
  $$ select u from unnest(array['', ' ', '-x', 'a/b', 'ftp://h/a', 'ext::sh -c id', 'u@h:a',
       'file://h/a', 'file://', '/', 'https://', 'https:// h', E'https://h/a\nb', E'/a\x7f',
       'https://example.com/' || repeat('a', 2029)]) as u
     where private.is_git_url(u) is not false $$,
  'nothing else is one');
select is(private.is_git_url(null), null, 'of null nothing is known');

select * from finish();
rollback;
