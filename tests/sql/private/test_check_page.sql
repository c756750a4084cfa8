begin;
select plan(5);

select is(tests.refusal('select private.check_page(1)'), 'accepted', 'a page may have one row');
select is(tests.refusal('select private.check_page(100)'), 'accepted', 'a page may have 100 rows');
select is(
  tests.refusal('select private.check_page(0)'), 'PT422 invalid_limit limit',
  'a page may not have zero rows');
select is(
  tests.refusal('select private.check_page(101)'), 'PT422 invalid_limit limit',
  'a page may not have more than 100 rows');
select is(
  tests.refusal('select private.check_page(null)'), 'PT422 invalid_limit limit',
  'a page may not be unlimited');

select * from finish();
rollback;
