begin;
select plan(5);

select is(tests.refusal('select private.check_page(1)'), 'accepted', 'a page may have one row');
select is(tests.refusal('select private.check_page(100)'), 'accepted', 'or a hundred');
select is(
  tests.refusal('select private.check_page(0)'), 'PT422 invalid_limit limit', 'but not none');
select is(
  tests.refusal('select private.check_page(101)'), 'PT422 invalid_limit limit', 'nor more');
select is(
  tests.refusal('select private.check_page(null)'), 'PT422 invalid_limit limit',
  'nor as many as there are');

select * from finish();
rollback;
