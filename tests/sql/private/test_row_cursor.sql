begin;
select plan(4);

select is(private.row_cursor('a.py', 12), 'MTIsYS5weQ', 'a cursor is base64 without padding');
select is(
  private.row_cursor('?>?>?>~~~', 1), 'MSw_Pj8-Pz5-fn4',
  'a cursor contains only characters that are safe in URLs');
select matches(
  private.row_cursor(repeat('long', 100), 1), '^[A-Za-z0-9_-]+$',
  'a long cursor has no line breaks');
select results_eq(
  $$ select p.place, p.id
     from unnest(array['', 'a,b', repeat('lang', 500), e'é\u4e16\u202e\n', '%_\']) as place
     cross join lateral private.parse_row_cursor(
       private.row_cursor(place, 9000000000)) as p $$,
  $$ select place, 9000000000
     from unnest(array['', 'a,b', repeat('lang', 500), e'é\u4e16\u202e\n', '%_\']) as place $$,
  'any text and any id can be decoded');

select * from finish();
rollback;
