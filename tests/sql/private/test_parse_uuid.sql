begin;
select plan(2);

select is_empty(
  $$ select t from unnest(array['00000000-0000-4000-8000-0000000000a1',
       '00000000-0000-4000-8000-0000000000A1']) as t
     where private.parse_uuid(t) is distinct from tests.alice() $$,
  'an id is accepted in lower and upper case');
select is_empty(
  $$ select t from unnest(array[null, '', 'x', '00000000000040008000000000000a1',
       '{00000000-0000-4000-8000-0000000000a1}', '00000000000040008000000000000000',
       ' 00000000-0000-4000-8000-0000000000a1', E'00000000-0000-4000-8000-0000000000a1\n',
       '00000000-0000-4000-8000-0000000000g1']) as t
     where private.parse_uuid(t) is not null $$,
  'other text gives null without an error');

select * from finish();
rollback;
