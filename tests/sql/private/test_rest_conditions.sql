begin;
select plan(8);

select is(
  private.rest_conditions('t', null), 'true',
  'without filters every row matches');
select is(
  private.rest_conditions('t', '[["a", false, "gte", "1"], ["b", true, "is", "null"]]'),
  'true and  t.a >= ''1'' and not t.b is null',
  'filters are combined with and');
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
  'an unknown operator is rejected');
select is(
  private.rest_conditions('t', '[["a", false, "in", ["x'' or true --"]]]'),
  'true and  t.a = any (''{"x'''' or true --"}'')', 'list elements are quoted');
select is(
  private.rest_conditions('t', '[["a", false, "eq", "null"]]'), 'true and  t.a = ''null''',
  'null is plain text for every operator but is');
select is(
  tests.refusal($$ select private.rest_conditions('t', '[["a", false, "is", "or true"]]') $$),
  '22023', 'is accepts null, true, false and unknown');

select * from finish();
rollback;
