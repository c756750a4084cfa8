begin;
select plan(8);

select tests.arrange_cast();
select tests.set_clock('2030-01-01 12:00Z');
set local session_replication_role = replica;
create function pg_temp.job(
  p_attempt integer, p_lease interval default null, p_retry interval default null,
  p_is_linked boolean default false
) returns void language sql as $$
  insert into index_jobs (id, repository_id, repository, owner_user_id, status, attempt,
    max_attempts, queue_job_id, created_at, started_at, lease_expires_at, retry_at, updated_at)
  select gen_random_uuid(), tests.alice_repository(), 'x', tests.alice(),
    case when p_attempt = 0 then 'pending' else 'processing' end::job_status, p_attempt, 3,
    case when p_is_linked then gen_random_uuid() end, '2030-01-01Z',
    case when p_attempt > 0 then timestamptz '2030-01-01Z' end,
    private.clock() + p_lease, private.clock() + p_retry, '2030-01-01Z'
$$;
create function pg_temp.free(p_most integer default 10, p_is_lapsed boolean default true)
returns text language sql as $$
  select f.jobs || ' ' || f.turns
  from private.count_free_jobs(tests.alice(), private.clock(), p_is_lapsed, p_most) as f
$$;

select pg_temp.job(0, p_is_linked => true), pg_temp.job(1, '1 second'),
  pg_temp.job(1, null, '1 second');
select is(pg_temp.free(), '0 0', 'a linked job, one that runs and one that waits for a retry are not free');
select pg_temp.job(3, '-1 second');
select is(pg_temp.free(), '0 1', 'a job that a claim merely ends takes a turn');
select is(pg_temp.free(p_is_lapsed => false), '0 0', 'unless no claim looks for lapsed leases');
select pg_temp.job(1, null, '0 seconds');
select is(pg_temp.free(), '1 1', 'or one that it gives away comes behind it');
select pg_temp.job(3, null, '0 seconds'), pg_temp.job(1, '-1 second');
update index_jobs set id = 'ffffffff-0000-4000-8000-000000000000' where attempt = 3 and retry_at is not null;
select is(pg_temp.free(), '2 3', 'the last one counts');
select pg_temp.job(0), pg_temp.job(0);
select is(pg_temp.free(), '4 4', 'pending ones are last, and none of them is ended');
select is(pg_temp.free(3), '3 3', 'no more are counted than asked for');
select is(
  (select f.jobs from private.count_free_jobs(tests.bob(), private.clock(), true, 10) as f), 0,
  'each tenant has its own');

select * from finish();
rollback;
