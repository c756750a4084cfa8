begin;
select plan(3);

select is(
  array(select private.spell_place(c, 0, true) from unnest(array[1, 2, 1000, 1001]) as c),
  array['1 job comes first', '2 jobs come first', '1000 jobs come first',
    'more than 1,000 jobs come first'],
  'jobs ahead are counted up to 1,000');
select is(
  array(select private.spell_place(c, 0, false) from unnest(array[1, 2, 1001]) as c),
  array['at most 1 job comes first', 'at most 2 jobs come first',
    'more than 1,000 jobs may come first'],
  'a bound is described as a bound');
select is(
  array(
    select private.spell_place(c, o, true)
    from unnest(array[1, 3, 3, 1001, 1001], array[1, 3, 2, 7, 1001]) as u (c, o)),
  array['1 job comes first, yours', '3 jobs come first, all of them yours',
    '3 jobs come first, 2 of them yours', 'more than 1,000 jobs come first, 7 of them yours',
    'more than 1,000 jobs come first, more than 1,000 of them yours'],
  'jobs of the same tenant are mentioned');

select * from finish();
rollback;
