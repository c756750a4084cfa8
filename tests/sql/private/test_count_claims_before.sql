-- Tenants by number; 20 is the one served last. tests/lifecycle/test_explain.py compares with claims.
begin;
select plan(12);

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
create function pg_temp.serve(p_no integer) returns void language sql as $$
  select setval('private.claim_cursor_high', ('x' || left(t.hex, 16))::bit(64)::bigint),
    setval('private.claim_cursor_low', ('x' || right(t.hex, 16))::bit(64)::bigint)
  from (select replace(pg_temp.tenant(p_no)::text, '-', '')) as t (hex)
$$;
-- 'claims own is_exact' of the tenant's newest job
create function pg_temp.before(p_no integer, p_now timestamptz = '2030-01-01 12:00Z')
returns text language sql as $$
  select concat_ws(' ', c.claims, c.own, c.is_exact)
  from (
    select j from index_jobs as j where j.tenant_id = pg_temp.tenant(p_no)
    order by j.created_at desc, j.id desc limit 1) as t
  cross join lateral private.count_claims_before(t.j, p_now) as c
$$;

select pg_temp.serve(20), setval('private.claim_lease_check', 0);
select pg_temp.job(n) from generate_series(19, 23) as n;
select is(
  array(select pg_temp.before(n) from generate_series(19, 23) as n),
  array['3 0 t', '4 0 t', '0 0 t', '1 0 t', '2 0 t'],
  'turns go round, and who was served last comes last');
select pg_temp.job(21);
select is(pg_temp.before(21), '5 1 t', 'a tenant''s second job comes behind the first of each other');
select pg_temp.job(22, 1, '2030-01-01 12:01Z', p_id => '00000000-0000-4000-8000-000000000001');
select is(pg_temp.before(22), '5 0 t', 'who holds a job waits until the others hold as many');

delete from index_jobs;
select pg_temp.job(n) from unnest(array[21, 23]) as n;
select pg_temp.job(n, 1, '2030-01-01 12:01Z', p_id => '00000000-0000-4000-8000-000000000001')
from generate_series(21, 21) as n;
select pg_temp.job(n, 1, '2030-01-01 12:01Z', p_id => '00000000-0000-4000-8000-000000000002')
from generate_series(23, 23) as n;
select is(
  array[pg_temp.before(21), pg_temp.before(23)], array['0 0 t', '1 0 t'],
  'of those that hold as many the next one in the circle comes first');
select pg_temp.job(22, 3, '2030-01-01 11:59Z');
select is(
  array[pg_temp.before(21), pg_temp.before(23)], array['1 0 t', '0 0 t'],
  'a job that a claim ends does not count, but it is its tenant''s turn');
select is(pg_temp.before(22), '', 'it has no place itself');
select is(
  (select concat_ws(' ', c.claims, c.own, c.is_exact) from private.count_claims_before(
    jsonb_populate_record(
      (select j from index_jobs as j where j.tenant_id = pg_temp.tenant(21) and j.attempt = 0),
      '{"queue_job_id": "00000000-0000-4000-8000-000000000001"}'), '2030-01-01 12:00Z') as c),
  '', 'nor has one that a queue runs');

select pg_temp.job(25, 1, '2030-01-01 11:59Z');
select is(pg_temp.before(25), '0 0 t', 'a job whose lease ran out is free');
select setval('private.claim_lease_check', extract(epoch from timestamptz '2030-01-01 12:00Z')::bigint);
select is(
  pg_temp.before(25), '', 'unless a claim of this second has found that none ran out');

select pg_temp.job(30) from generate_series(1, 1200);
select is(pg_temp.before(30), '1001 1001 t', 'more than 1,000 are not counted');
delete from index_jobs where tenant_id = pg_temp.tenant(30);
select pg_temp.job(n) from generate_series(1, 20) as n;
select is(
  array[pg_temp.before(1), pg_temp.before(20)], array['2 0 f', '21 0 f'],
  'with more than 16 tenants it is a bound');
select is(pg_temp.before(23), '21 0 f', 'never more than there are free jobs');

select * from finish();
rollback;
