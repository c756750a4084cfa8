begin;
select plan(8);

select is(
  private.rest_conditions('t', null), 'true',
  'no filter lets every row through');
select is(
  private.rest_conditions('t', '[["a", false, "gte", "1"], ["b", true, "is", "null"]]'),
  'true and  t.a >= ''1'' and not t.b is null',
  'filters add up');
select is(
  private.rest_conditions('t', '[["a", false, "in", ["x", "y,z"]]]'),
  'true and  t.a = any (''{x,"y,z"}'')',
  'a list is one literal');
select is(
  private.rest_conditions('t', '[["a\" = 1 or true --", false, "eq", "x'' or true --"]]'),
  'true and  t."a"" = 1 or true --" = ''x'''' or true --''',
  'names and values are quoted');
select is(
  (select array_agg(distinct tests.refusal(format('select private.rest_conditions(%L, %L)', 't',
     json_build_array(json_build_array('a', false, o, '1')))))
   from unnest(array['or true', '=', '', 'fts', 'EQ']) as o)::text,
  '{22023}',
  'an operator that is not in the list is refused');
select is(
  private.rest_conditions('t', '[["a", false, "in", ["x'' or true --"]]]'),
  'true and  t.a = any (''{"x'''' or true --"}'')', 'so are those of a list');
select is(
  private.rest_conditions('t', '[["a", false, "eq", "null"]]'), 'true and  t.a = ''null''',
  'null is a word to all operators but one');
select is(
  tests.refusal($$ select private.rest_conditions('t', '[["a", false, "is", "or true"]]') $$),
  '22023', 'which takes null, true, false and unknown');

select * from finish();
rollback;
