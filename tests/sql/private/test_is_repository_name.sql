begin;
select plan(3);

select is_empty(
  $$ select n from unnest(array['a/b', 'A-1_x./y', 'group/sub/name', 'h_8443/a/b', '1/2/3/4/5/6/7/8',
       'a/..b', '_/.b', 'a/' || repeat('b', 253)]) as n
     where private.is_repository_name(n) is not true $$,
  'a name consists of letters, digits, ., _ and -');
select is_empty(
  $$ select n from unnest(array['', 'name', 'a/', '/a', 'a//b', 'a b/c', 'a/b?', 'é/a', E'a/b\n',
       '1/2/3/4/5/6/7/8/9', 'a/' || repeat('b', 254)]) as n
     where private.is_repository_name(n) is not false $$,
  'anything else is invalid');
select is_empty(
  $$ select n from unnest(array['..', 'a/..', '../a', './b', 'a/.', 'a/../b', '-a/b', 'a/--b',
       'a/b/-']) as n
     where private.is_repository_name(n) is not false $$,
  'a name must not go up or look like an option');

select * from finish();
rollback;
