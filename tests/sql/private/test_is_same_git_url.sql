begin;
select plan(3);

select is_empty(
  $$ select a, b from (values ('https://h/a', 'https://h/a.git'), ('https://h/a.git', 'https://H/a/'),
       ('http://h/a', 'http://h/a.git'), ('/srv/a', 'file:///srv/a')) as t (a, b)
     where private.is_same_git_url(a, b) is not true or private.is_same_git_url(b, a) is not true $$,
  'URLs with and without .git are the same');
select is_empty(
  $$ select a, b from (values ('https://h/a', 'https://h/b'), ('https://h/a', 'http://h/a'),
       ('https://h/a', 'https://h/A'), ('/srv/a', '/srv/a.git'), ('https://h/a', 'https://h/agit'),
       ('https://h/a', 'https://h/a.git.git'), ('https://h/a', 'https://h/a/.git'),
       ('https://h/a.git', 'https://h/a.git/b')) as t (a, b)
     where private.is_same_git_url(a, b) is not false or private.is_same_git_url(b, a) is not false $$,
  'two folders differ, and so do all other variants');
select is(private.is_same_git_url('https://h/a', null), null, 'null gives null');

select * from finish();
rollback;
