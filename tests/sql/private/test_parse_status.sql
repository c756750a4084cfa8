begin;
select plan(3);

select results_eq(
  $$ select private.parse_status(s::text) from unnest(enum_range(null::job_status)) as s $$,
  'select unnest(enum_range(null::job_status))', 'each status has its name');
select is(
  tests.refusal($$ select private.parse_status('done') $$), 'PT422 unknown_status status',
  'no other text is one');
select is(
  tests.refusal('select private.parse_status(null)'), 'PT422 unknown_status status', 'nor null');

select * from finish();
rollback;
