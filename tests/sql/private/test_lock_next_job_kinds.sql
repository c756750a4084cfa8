-- Tenants by number; 20 is the one served last.
begin;
select plan(3);

select tests.arrange_line();
-- whose jobs the next claims give
create function pg_temp.claims(p_times integer) returns integer[] language sql as $$
  select array(
    select left(j.tenant_id::text, 8)::integer
    from generate_series(1, p_times) as n
    cross join lateral claim_index_job(tests.worker(n), '1 minute') as j)
$$;

select tests.stand_in_line(21), tests.stand_in_line(21);
select tests.stand_in_line(n), tests.stand_in_line(n, 1, p_retry => '-1 minute'),
  tests.stand_in_line(n, 1, p_retry => '-1 minute')
from unnest(array[20, 22]) as n;
select is(
  pg_temp.claims(9), array[21, 22, 20, 21, 22, 20, 22, 20],
  'a turn is the tenant''s own, though others have jobs of a kind that goes before');

delete from index_jobs;
select tests.arrange_line();
select tests.stand_in_line(21), tests.stand_in_line(21);
select tests.stand_in_line(n), tests.stand_in_line(n, 1, '-1 minute')
from unnest(array[20, 22]) as n;
select is(
  pg_temp.claims(7), array[21, 22, 20, 21, 22, 20], 'leases that ran out go before as well');

delete from index_jobs;
select tests.arrange_line();
select tests.stand_in_line(21, 1, p_retry => '-2 minutes') from generate_series(1, 100);
select tests.stand_in_line(22, 1, p_retry => '-1 minute');
select is(pg_temp.claims(2), array[21, 22], 'the one retry of a tenant is not behind a hundred');

select * from finish();
rollback;
