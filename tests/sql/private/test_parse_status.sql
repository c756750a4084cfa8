begin;
select plan(3);

select results_eq(
  $$ select private.parse_status(s::text) from unnest(enum_range(null::job_status)) as s $$,
  'select unnest(enum_range(null::job_status))', 'each status is accepted');
select is(
  tests.refusal($$ select private.parse_status('done') $$), 'PT422 unknown_status status',
  'other text is rejected');
select is(
  tests.refusal('select private.parse_status(null)'), 'PT422 unknown_status status',
  'null is rejected');

select * from finish();
rollback;
