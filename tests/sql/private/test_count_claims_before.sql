-- Tenants by number; 20 was served last. tests/lifecycle/test_explain.py compares with real claims.
begin;
select plan(13);

select tests.arrange_line();
-- 'claims own is_exact' of the tenant's newest job
create function pg_temp.before(p_no integer, p_now timestamptz = '2030-01-01 12:00Z')
returns text language sql as $$
  select concat_ws(' ', c.claims, c.own, c.is_exact)
  from (
    select j from index_jobs as j where j.tenant_id = tests.tenant(p_no)
    order by j.created_at desc, j.id desc limit 1) as t
  cross join lateral private.count_claims_before(t.j, p_now) as c
$$;

select tests.stand_in_line(n) from generate_series(19, 23) as n;
select is(
  array(select pg_temp.before(n) from generate_series(19, 23) as n),
  array['3 0 t', '4 0 t', '0 0 t', '1 0 t', '2 0 t'],
  'tenants take turns, and the one served last is last');
select tests.stand_in_line(21);
select is(pg_temp.before(21), '5 1 t',
  'a tenant''s second job comes after the first of every other tenant');
select tests.stand_in_line(22, 1, '1 minute', p_id => '00000000-0000-4000-8000-000000000001');
select is(pg_temp.before(22), '5 0 t',
  'a tenant with a running job waits until the others have as many');

delete from index_jobs;
select tests.stand_in_line(n) from unnest(array[21, 23]) as n;
select tests.stand_in_line(21, 1, '1 minute', p_id => '00000000-0000-4000-8000-000000000001'),
  tests.stand_in_line(23, 1, '1 minute', p_id => '00000000-0000-4000-8000-000000000002');
select is(
  array[pg_temp.before(21), pg_temp.before(23)], array['0 0 t', '1 0 t'],
  'among tenants with equally many jobs the next in the circle is first');
select tests.stand_in_line(22, 3, '-1 minute');
select is(
  array[pg_temp.before(21), pg_temp.before(23)], array['1 0 t', '0 0 t'],
  'a job that a claim ends is not counted, but takes its tenant''s turn');
select is(pg_temp.before(22), '', 'such a job has no position');
select is(
  (select concat_ws(' ', c.claims, c.own, c.is_exact) from private.count_claims_before(
    jsonb_populate_record(
      (select j from index_jobs as j where j.tenant_id = tests.tenant(21) and j.attempt = 0),
      '{"queue_job_id": "00000000-0000-4000-8000-000000000001"}'), '2030-01-01 12:00Z') as c),
  '', 'a job of an external queue has no position');

delete from index_jobs;
select tests.stand_in_line(n) from unnest(array[10, 10, 30, 30, 15, 35]) as n;
select tests.stand_in_line(35, 1, '1 minute') from generate_series(1, 3);
select tests.stand_in_line(15, 1, '1 minute', p_id => '00000000-0000-4000-8000-000000000001');
select is(
  array[pg_temp.before(15), pg_temp.before(30), pg_temp.before(10)],
  array['2 0 t', '3 1 t', '4 1 t'],
  'the second round starts after the last tenant of the first');

delete from index_jobs;
select tests.stand_in_line(30) from generate_series(1, 1200);
select is(pg_temp.before(30), '1001 1001 t', 'at most 1,000 jobs are counted');
delete from index_jobs;
select tests.stand_in_line(n) from generate_series(1, 16) as n;
select tests.stand_in_line(50, 1, '1 minute'), tests.stand_in_line(51, 1, p_retry => '1 minute'),
  tests.stand_in_line(52, p_is_linked => true),
  tests.stand_in_line(53, 1, p_retry => '-1 minute', p_is_linked => true),
  tests.stand_in_line(54, 1, '-1 minute', p_is_linked => true),
  tests.stand_in_line(55, 1, '-1 minute', '1 minute');
select is(pg_temp.before(16), '15 0 t', 'the count is exact for 16 tenants');
select tests.stand_in_line(n) from generate_series(17, 24) as n;
select is(
  array[pg_temp.before(1), pg_temp.before(20)], array['4 0 f', '23 0 f'],
  'for more tenants the count is a bound');
select is(pg_temp.before(23), '2 0 f', 'the bound starts after the tenant served last');

delete from index_jobs;
select tests.stand_in_line(21, 1, p_retry => '-2 minutes') from generate_series(1, 100);
select tests.stand_in_line(22, 1, p_retry => '-1 minute');
select is(
  pg_temp.before(22), '1 0 t', 'a retry is found behind 100 jobs of another tenant');

select * from finish();
rollback;
