begin;
select plan(8);

select is_empty(
  $$ select u from unnest(array['https://example.com/a.git', 'HTTPS://Example.COM./a/',
       'http://127.0.0.1:8080/a', 'https://[::1]:8443/a', 'https://[::ffff:1.2.3.4]./a', 'https://example.com/a@b.git',
       'https://example.com/~a/b%20c', 'https://example.com/' || repeat('a', 2028)]) as u
     where private.is_git_url(u) is not true $$,
  'network URLs are valid');
select is_empty(
  $$ select u from unnest(array['/srv/a', '/srv/a b@c?d#e', 'file:///srv/a', '/a', '/ä:b@c', '//a',
       'file://localhost/a', '/a%00', 'file:///%2e%2e/a']) as u
     where private.is_git_url(u) is not true $$,
  'absolute paths are valid, whatever their names');
select is_empty(
  $$ select u from unnest(array['https://u:p@h/a', 'https://u@h/a', 'http://:p@h', 'https://u:p@h',
       'https:///u:p@h', 'https:////u:p@h/a', 'https:/u:p@h', 'https:u:p@h', 'https://u:p/q@h/a',
       'https://u:1/q@h/a', 'https://u:p@q@h/a', 'https://h/https://u:p@g/a',
       'https://u:p\@h/a', 'HTTPS://u:p@h/a', 'ssh://u:p@h/a']) as u
     where private.is_git_url(u) is not false $$,
  'a user or password is rejected in any position');
select is_empty(
  $$ select u from unnest(array['https://h/a?access_token=x', 'https://h?x', 'https://h/a#token=x',
       'http://h/a?']) as u
     where private.is_git_url(u) is not false $$,
  'a query or fragment is rejected');
select is_empty(
  $$ select u from unnest(array['', ' ', '-x', 'a/b', 'ftp://h/a', 'ext::sh -c id', 'u@h:a',
       'file://h/a', 'file://', '/', 'https://', 'https:// h', E'https://h/a\nb', E'/a\x7f',
       'https://example.com/' || repeat('a', 2029)]) as u
     where private.is_git_url(u) is not false $$,
  'anything else is invalid');
select is_empty(
  $$ select u from unnest(array['https://h', 'https://h/', 'https://h//', 'https://h:/a',
       'https://h:0/a', 'https://h:080/a', 'https://h:65536/a', 'https://h:x/a', 'https://-h/a',
       'https://h-/a', 'https://a..b/a', 'https://h_/a', 'https://127.1/a', 'https://0x7f/a',
       'https://1.2.3.256/a', 'https://1.2.3.04/a', 'https://a.1/a', 'https://[::1/a',
       'https://[::1]x/a', 'https://[1::2::3]/a', 'https://[1.2.3.4]/a', 'https://höst/a']) as u
     where private.is_git_url(u) is not false $$,
  'a host must be a normalized name or address, followed by a path');
select is_empty(
  $$ select u from unnest(array['https://h/a b', 'https://h/a/../b', 'https://h/..',
       'https://h/a/%2E%2e', 'https://h/a%2f..%2fb', 'https://h/a%0ab', 'https://h/%7F',
       'https://h/a\b', '/a\b', 'file:///a\b', 'file:///a?b', 'file:///a#b', 'file:///a%00', '/ a',
       U&'/a\0085b', U&'/a\202eb', U&'https://h/\2028']) as u
     where private.is_git_url(u) is not false $$,
  'a path must not go up and must be normalized');
select is(private.is_git_url(null), null, 'null gives null');

select * from finish();
rollback;
