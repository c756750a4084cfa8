begin;
select plan(3);

select is_empty(
  $$ select r from unnest(array['main', 'HEAD', 'v1.0', 'feature/a-b_c', 'refs/heads/main',
       repeat('a', 40), 'ünïcode', 'a@b', '@/x', 'a{b', repeat('x', 255)]) as r
     where not private.is_git_ref(r) $$,
  'branches, tags and commits are valid refs');
select is_empty(
  $$ select r from unnest(array['', ' ', 'a b', 'a..b', 'a~1', 'a^', 'a:b', 'a?', 'a*', 'a[b',
       'a\b', 'a@{1}', '@', '.a', 'a/.b', 'a.lock', 'a.lock/b', 'a//b', '/a', 'a/', 'a.',
       E'a\nb', E'a\tb', E'a\x7fb', repeat('x', 256)]) as r
     where private.is_git_ref(r) $$,
  'refs that git check-ref-format rejects are invalid');
select is_empty(
  $$ select r from unnest(array['-', '--upload-pack=touch /tmp/x', '-b']) as r
     where private.is_git_ref(r) $$,
  'refs that git would read as an option are invalid');

select * from finish();
rollback;
