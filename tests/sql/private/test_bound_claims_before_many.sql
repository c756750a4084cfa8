-- Hundreds of tenants by number, thousands of jobs; 20 was served last.
begin;
select plan(5);

select tests.arrange_line();
-- for the newest job of the tenant
create function pg_temp.bound(p_no integer, p_own integer = 0)
returns integer language sql as $$
  select private.bound_claims_before(t.j, '2030-01-01 12:00Z', tests.tenant(20), '{}', p_own)
  from (
    select j from index_jobs as j where j.tenant_id = tests.tenant(p_no)
    order by j.created_at desc, j.id desc limit 1) as t
$$;

select tests.stand_in_line(n) from generate_series(1, 1300) as n;
select is(
  array[pg_temp.bound(920), pg_temp.bound(1220)], array[899, 1001],
  'hundreds of tenants are counted, up to 1,000 jobs');
select tests.stand_in_line(230) from generate_series(1, 2000);
select is(
  pg_temp.bound(240), 1001, 'at most 200 tenants and the next 2,000 jobs are counted');
delete from index_jobs where tenant_id > tests.tenant(300);
delete from index_jobs where tenant_id = tests.tenant(230);
select tests.stand_in_line(230);
select is(pg_temp.bound(19), 298, 'counting wraps around the circle');
delete from index_jobs where tenant_id > tests.tenant(210);
select is(pg_temp.bound(25), 4, 'counting stops at the asking tenant');

delete from index_jobs;
select tests.stand_in_line(21), tests.stand_in_line(21);
select tests.stand_in_line(22, 1, p_retry => '-2 minutes') from generate_series(1, 1001);
select tests.stand_in_line(23, 1, p_retry => '-1 minute');
select is(pg_temp.bound(21, 1), 1 + 4 + 1, 'a retry is found behind 1,000 jobs of another tenant');

select * from finish();
rollback;
