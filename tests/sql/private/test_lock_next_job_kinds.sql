-- Tenants by number; 20 was served last.
begin;
select plan(4);

select tests.arrange_line();
-- the tenants whose jobs the next claims return
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
  'turns are per tenant, even if others have jobs of a higher-priority kind');

delete from index_jobs;
select tests.arrange_line();
select tests.stand_in_line(21), tests.stand_in_line(21);
select tests.stand_in_line(n), tests.stand_in_line(n, 1, '-1 minute')
from unnest(array[20, 22]) as n;
select is(
  pg_temp.claims(7), array[21, 22, 20, 21, 22, 20],
  'expired leases do not change the turns of tenants');

delete from index_jobs;
select tests.arrange_line();
select tests.stand_in_line(21, 1, p_retry => '-2 minutes') from generate_series(1, 100);
select tests.stand_in_line(22, 1, p_retry => '-1 minute');
select is(pg_temp.claims(2), array[21, 22],
  'a tenant''s only retry does not wait behind 100 others');

delete from index_jobs;
select tests.arrange_line();
select tests.stand_in_line(21), tests.stand_in_line(21, 1, p_retry => '-1 minute'),
  tests.stand_in_line(21, 1, '-1 minute');
create temp table kinds as
select j.id, case when j.status = 'pending' then 'pending'
  when j.retry_at is null then 'lease' else 'retry' end as kind
from index_jobs as j;
select is(
  array(
    select k.kind
    from generate_series(1, 3) as n (no)
    cross join lateral claim_index_job(tests.worker(n.no), '1 minute') as j
    join kinds as k on k.id = j.id
    order by n.no),
  array['lease', 'retry', 'pending'],
  'of one tenant, an expired lease comes before a retry, and a pending job last');

select * from finish();
rollback;
