begin;
select plan(2);

select is_empty(
  $$ select s from unnest(array[repeat('a', 40), repeat('0F', 20)]) as s
     where private.is_commit_sha(s) is not true $$,
  '40 hexadecimal digits are a valid commit SHA');
select is_empty(
  $$ select s from unnest(array['', 'main', repeat('a', 39), repeat('a', 41), repeat('a', 64),
       repeat('a', 39) || 'g', repeat('a', 40) || E'\n', ' ' || repeat('a', 40)]) as s
     where private.is_commit_sha(s) is not false $$,
  'other text is invalid, even a SHA-256 id');

select * from finish();
rollback;
