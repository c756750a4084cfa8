-- Tenants by number; 20 is the one served last. tests/lifecycle/test_explain.py compares with claims.
begin;
select plan(9);

select tests.arrange_cast();
select tests.set_clock('2030-01-01 12:00Z');
set local session_replication_role = replica;

create function pg_temp.tenant(p_no integer) returns uuid language sql as
$$ select (lpad(p_no::text, 8, '0') || '-0000-4000-8000-000000000000')::uuid $$;
create function pg_temp.job(
  p_no integer, p_attempt integer = 0, p_lease timestamptz = null, p_retry timestamptz = null,
  p_id uuid = gen_random_uuid()
) returns void language sql as $$
  insert into index_jobs (id, repository_id, repository, owner_user_id, status, attempt,
    max_attempts, created_at, started_at, lease_expires_at, retry_at, updated_at)
  select p_id, gen_random_uuid(), 'x', pg_temp.tenant(p_no),
    case when p_attempt = 0 then 'pending' else 'processing' end::job_status, p_attempt, 3,
    '2030-01-01Z', case when p_attempt > 0 then timestamptz '2030-01-01Z' end, p_lease, p_retry,
    '2030-01-01Z'
$$;
create function pg_temp.bound(p_no integer, p_own integer = 0, p_lapsed integer[] = '{}')
returns integer language sql as $$
  select private.bound_claims_before(t.j, '2030-01-01 12:00Z', pg_temp.tenant(20),
    array(select pg_temp.tenant(l) from unnest(p_lapsed) as l), p_own)
  from (
    select j from index_jobs as j where j.tenant_id = pg_temp.tenant(p_no)
    order by j.created_at desc, j.id desc limit 1) as t
$$;

select pg_temp.job(n) from generate_series(1, 40) as n cross join generate_series(1, 3);
select is(
  array[pg_temp.bound(21), pg_temp.bound(40), pg_temp.bound(1), pg_temp.bound(20)],
  array[0, 19, 20, 39],
  'who holds nothing waits for one job of each tenant between the one served last and it');
select pg_temp.job(50, 1, p_retry => '2030-01-01 11:59Z'), pg_temp.job(30, 1, p_retry => '2030-01-01 11:59Z');
select is(pg_temp.bound(1), 21, 'a tenant waits whose retry has come, once');
select is(
  pg_temp.bound(1, p_lapsed => array[50, 51]), 22, 'and one whose lease ran out');
select pg_temp.job(21);
select is(pg_temp.bound(21, 3), 122, 'with more tenants than are counted it is all free jobs but one');

delete from index_jobs where tenant_id > pg_temp.tenant(30) or tenant_id < pg_temp.tenant(10);
select pg_temp.job(n) from generate_series(22, 30) as n cross join generate_series(1, 100);
-- the 20 others may pass once, so there are 22 rounds: 9 have 22 jobs in them, 11 their 3
select is(pg_temp.bound(21, 1), 1 + 9 * 22 + 11 * 3, 'one job ahead of one''s own lets each other pass once');
select pg_temp.job(n, 1, '2030-01-01 12:01Z') from generate_series(22, 30) as n;
-- 9 hold as many already: 13 rounds, the first of which they are not in
select is(pg_temp.bound(21, 1), 1 + 9 * 12 + 11 * 3, 'but those that hold as many');
select pg_temp.job(10) from generate_series(1, 1200);
select is(pg_temp.bound(10), 10, 'however much the tenant has');

delete from index_jobs;
select pg_temp.job(n) from generate_series(1, 1500) as n;
select is(pg_temp.bound(920), 899, 'hundreds of tenants are counted');
select is(pg_temp.bound(19), 1001, 'up to 1,000');

select * from finish();
rollback;
