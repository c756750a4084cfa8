-- Tenants by number; 20 was served last. tests/lifecycle/test_explain.py compares with real claims.
begin;
select plan(10);

select tests.arrange_line();
-- for the newest job of the tenant
create function pg_temp.bound(p_no integer, p_own integer = 0, p_lapsed integer[] = '{}')
returns integer language sql as $$
  select private.bound_claims_before(t.j, '2030-01-01 12:00Z', tests.tenant(20),
    array(select tests.tenant(l) from unnest(p_lapsed) as l), p_own)
  from (
    select j from index_jobs as j where j.tenant_id = tests.tenant(p_no)
    order by j.created_at desc, j.id desc limit 1) as t
$$;

select tests.stand_in_line(n) from generate_series(1, 40) as n cross join generate_series(1, 3);
select is(
  array[pg_temp.bound(21), pg_temp.bound(40), pg_temp.bound(1), pg_temp.bound(20)],
  array[0, 19, 20, 39],
  'a tenant without running jobs waits for one job of each tenant before it');
select tests.stand_in_line(50, 1, p_retry => '-1 minute'),
  tests.stand_in_line(30, 1, p_retry => '-1 minute');
select is(pg_temp.bound(1), 21, 'a tenant with a due retry is counted once');
select is(
  pg_temp.bound(1, p_lapsed => array[50, 51]), 22, 'a tenant with an expired lease is counted too');
select is(pg_temp.bound(40, p_lapsed => array[50, 51]), 19,
  'tenants behind the position are not counted');
select tests.stand_in_line(60);
select is(
  pg_temp.bound(1, p_lapsed => array[50, 51]), 23,
  'the result is the same when more tenants wait behind it');
select tests.stand_in_line(51, 1, '-1 minute') from generate_series(1, 5);
select tests.stand_in_line(51, 1, '1 minute'), tests.stand_in_line(51, 1, p_retry => '1 minute'),
  tests.stand_in_line(51, 1, '-1 minute', p_is_linked => true), tests.stand_in_line(51, p_is_linked => true);
select is(
  array[pg_temp.bound(21, 3), pg_temp.bound(21, 3, p_lapsed => array[51])], array[122, 127],
  'with more tenants than are counted, the bound is all free jobs but one');

delete from index_jobs where tenant_id > tests.tenant(30) or tenant_id < tests.tenant(10);
delete from index_jobs where status = 'processing';
select tests.stand_in_line(n) from unnest(array[15, 22, 23, 24, 25, 26, 27, 28, 29]) as n
cross join generate_series(1, 100);
select tests.stand_in_line(21), tests.stand_in_line(31, 1, '-1 minute');
-- the 20 others may pass once, so there are 22 rounds; those behind 21 are not in the first
select is(
  array[pg_temp.bound(21, 1), pg_temp.bound(21, 1, p_lapsed => array[31])],
  array[1 + 9 * 22 + 11 * 3, 1 + 9 * 23 + 11 * 3 + 1],
  'each of one''s own jobs ahead lets every other tenant pass once');
select tests.stand_in_line(n, 1, '1 minute')
from unnest(array[15, 22, 23, 24, 25, 26, 27, 28, 29]) as n;
-- 9 hold as many jobs already: 13 rounds, without them in the first
select is(pg_temp.bound(21, 1), 1 + 9 * 12 + 11 * 3, 'tenants that hold as many jobs do not pass');
select tests.stand_in_line(21, 1, '1 minute', p_id => '00000000-0000-4000-8000-000000000001');
-- the 11 others may pass once: 12 rounds
select is(pg_temp.bound(21), 9 * 11 + 11 * 3,
  'a tenant that holds a job lets those without jobs pass');
select tests.stand_in_line(10) from generate_series(1, 50);
select is(pg_temp.bound(10), 10, 'the number of the tenant''s own jobs does not matter');

select * from finish();
rollback;
