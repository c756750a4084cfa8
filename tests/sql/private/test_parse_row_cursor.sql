begin;
select plan(3);

select results_eq(
  'select c.place, c.id from private.parse_row_cursor(null) as c', $$ values ('', 0::bigint) $$,
  'without a cursor the page starts at the first row');
select results_eq(
  $$ select c.place, c.id from private.parse_row_cursor('MSw_Pj8-Pz5-fn4') as c
     union all select c.place, c.id from private.parse_row_cursor('MTIsYS5weQ') as c
     union all select c.place, c.id from private.parse_row_cursor('NCxhLGI') as c
     union all select c.place, c.id from private.parse_row_cursor(
       private.row_cursor('', 999999999999999999)) as c $$,
  $$ values ('?>?>?>~~~', 1::bigint), ('a.py', 12), ('a,b', 4), ('', 999999999999999999) $$,
  'a cursor holds the text and id of the row');
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
  'an invalid cursor is rejected: not base64, not UTF-8 or without id');

select * from finish();
rollback;
