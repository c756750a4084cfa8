begin;
select plan(3);

select results_eq(
  'select c.place, c.id from private.parse_row_cursor(null) as c', $$ values ('', 0::bigint) $$,
  'without a cursor it is the place before all rows');
select results_eq(
  $$ select c.place, c.id from private.parse_row_cursor('MSw_Pj8-Pz5-fn4') as c
     union all select c.place, c.id from private.parse_row_cursor('MTIsYS5weQ') as c
     union all select c.place, c.id from private.parse_row_cursor('NCxhLGI') as c
     union all select c.place, c.id from private.parse_row_cursor(
       private.row_cursor('', 999999999999999999)) as c $$,
  $$ values ('?>?>?>~~~', 1::bigint), ('a.py', 12), ('a,b', 4), ('', 999999999999999999) $$,
  'with one the text and the id of the row');
select results_eq(
  $$ select c.text, tests.refusal(format('select private.parse_row_cursor(%L)', c.text))
     from (values
       (''), ('x'), ('!'), ('MTI'), ('LDE'), ('LTEsYQ'), ('eCxh'), ('MSz_'), ('MSwA'),
       ('IDEsYQ'), (private.row_cursor('a', 1000000000000000000)), (repeat('A', 4001))
     ) as c (text) $$,
  $$ select c.text, 'PT422 invalid_cursor cursor'
     from (values
       (''), ('x'), ('!'), ('MTI'), ('LDE'), ('LTEsYQ'), ('eCxh'), ('MSz_'), ('MSwA'),
       ('IDEsYQ'), (private.row_cursor('a', 1000000000000000000)), (repeat('A', 4001))
     ) as c (text) $$,
  'a foreign cursor is refused: neither base64, nor UTF-8, nor with an id');

select * from finish();
rollback;
