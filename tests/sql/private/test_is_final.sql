begin;
select plan(1);

select set_eq(
  $$ select s from unnest(enum_range(null::job_status)) as s where private.is_final(s) $$,
  array['completed', 'failed', 'cancelled']::job_status[],
  'only completed, failed and cancelled are final');

select * from finish();
rollback;
