begin;
select plan(7);

select is(private.predict_seconds('{}', 0.5), null, 'without runs there is no prediction');
select is(private.predict_seconds('{7}', 0.9), 7::double precision, 'one run is the prediction');
select is(private.predict_seconds('{30, 10, 20}', 0.5), 20::double precision,
  'the median of three runs does not depend on their order');
select is(
  private.predict_seconds('{10, 20, 40, 80}', 0.5), 30::double precision,
  'between two runs the result is interpolated');
select is(
  private.predict_seconds('{10, 20, 30}', 0.9), 36::double precision,
  'beyond the longest it grows by their mean distance: 1 of 4 runs takes longer');
select is(
  private.predict_seconds(array(select generate_series(1, 9)), 0.9), 9::double precision,
  'of nine runs it is the longest');
select is(
  private.predict_seconds('{10, 20, 30}', 0.1), 10::double precision,
  'the result is never less than the shortest run');

select * from finish();
rollback;
