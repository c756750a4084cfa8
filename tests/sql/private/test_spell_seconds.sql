begin;
select plan(1);

select is(
  array(select private.spell_seconds(s) from unnest(array[0.2, 1, 8.4, 120, 121, 7200, 7201]) as s),
  array['1 s', '1 s', '9 s', '120 s', '3 min', '120 min', '3 h'],
  'a duration is in whole seconds, minutes or hours, rounded up');

select * from finish();
rollback;
