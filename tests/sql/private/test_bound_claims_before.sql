-- Tenants by number; 20 is the one served last. tests/lifecycle/test_explain.py compares with claims.
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
  'who holds nothing waits for one job of each tenant between the one served last and it');
select tests.stand_in_line(50, 1, p_retry => '-1 minute'),
  tests.stand_in_line(30, 1, p_retry => '-1 minute');
select is(pg_temp.bound(1), 21, 'a tenant waits whose retry has come, once');
select is(
  pg_temp.bound(1, p_lapsed => array[50, 51]), 22, 'and one whose lease ran out');
select is(pg_temp.bound(40, p_lapsed => array[50, 51]), 19, 'but not for those behind it');
select tests.stand_in_line(60);
select is(
  pg_temp.bound(1, p_lapsed => array[50, 51]), 23, 'whether or not one behind them waits besides');
select tests.stand_in_line(51, 1, '-1 minute') from generate_series(1, 5);
select tests.stand_in_line(51, 1, '1 minute'), tests.stand_in_line(51, 1, p_retry => '1 minute'),
  tests.stand_in_line(51, 1, '-1 minute', p_is_linked => true), tests.stand_in_line(51, p_is_linked => true);
select is(
  array[pg_temp.bound(21, 3), pg_temp.bound(21, 3, p_lapsed => array[51])], array[122, 127],
  'with more tenants than are counted it is all free jobs but one');

delete from index_jobs where tenant_id > tests.tenant(30) or tenant_id < tests.tenant(10);
delete from index_jobs where status = 'processing';
select tests.stand_in_line(n) from unnest(array[15, 22, 23, 24, 25, 26, 27, 28, 29]) as n
cross join generate_series(1, 100);
select tests.stand_in_line(21), tests.stand_in_line(31, 1, '-1 minute');
-- the 20 others may pass once, so there are 22 rounds: those behind 21 have no turn in the first
select is(
  array[pg_temp.bound(21, 1), pg_temp.bound(21, 1, p_lapsed => array[31])],
  array[1 + 9 * 22 + 11 * 3, 1 + 9 * 23 + 11 * 3 + 1],
  'one job ahead of one''s own lets each other pass once');
select tests.stand_in_line(n, 1, '1 minute')
from unnest(array[15, 22, 23, 24, 25, 26, 27, 28, 29]) as n;
-- 9 hold as many already: 13 rounds, the first of which they are not in
select is(pg_temp.bound(21, 1), 1 + 9 * 12 + 11 * 3, 'but those that hold as many');
select tests.stand_in_line(21, 1, '1 minute', p_id => '00000000-0000-4000-8000-000000000001');
-- the 11 others may pass once: 12 rounds
select is(pg_temp.bound(21), 9 * 11 + 11 * 3, 'who holds a job lets those pass that hold none');
select tests.stand_in_line(10) from generate_series(1, 50);
select is(pg_temp.bound(10), 10, 'however much the tenant has');

select * from finish();
rollback;
