begin;
select plan(7);

select is(private.predict_seconds('{}', 0.5), null, 'of none nothing is known');
select is(private.predict_seconds('{7}', 0.9), 7::double precision, 'one is all that is known');
select is(private.predict_seconds('{30, 10, 20}', 0.5), 20::double precision, 'half of three, in any order');
select is(
  private.predict_seconds('{10, 20, 40, 80}', 0.5), 30::double precision,
  'between two of them in proportion');
select is(
  private.predict_seconds('{10, 20, 30}', 0.9), 36::double precision,
  'beyond the longest by their mean distance: the fourth is longer in one case of four');
select is(
  private.predict_seconds(array(select generate_series(1, 9)), 0.9), 9::double precision,
  'of nine it is the longest');
select is(
  private.predict_seconds('{10, 20, 30}', 0.1), 10::double precision, 'never less than the shortest');

select * from finish();
rollback;
