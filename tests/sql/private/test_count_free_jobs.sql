-- The jobs of tenant 21, between two others that have jobs of each kind.
begin;
select plan(17);

select tests.arrange_line();
select tests.stand_in_line(n), tests.stand_in_line(n, 1, p_retry => '-1 second'),
  tests.stand_in_line(n, 1, '-1 second'), tests.stand_in_line(n, 3, p_retry => '0'),
  tests.stand_in_line(n, 3, '0', p_id => ('ffffffff-0000-4000-8000-0000000000' || n)::uuid)
from unnest(array[20, 22]) as n;
-- 'jobs turns' of tenant 21
create function pg_temp.free(p_most integer default 10, p_is_lapsed boolean default true)
returns text language sql as $$
  select f.jobs || ' ' || f.turns
  from private.count_free_jobs(tests.tenant(21), private.clock(), p_is_lapsed, p_most) as f
$$;
create function pg_temp.clear() returns void language sql as $$
  delete from index_jobs where tenant_id = tests.tenant(21)
$$;

select is(pg_temp.free(), '0 0', 'jobs of other tenants are not counted');
select tests.stand_in_line(21, 1, '1 second'), tests.stand_in_line(21, 1, p_retry => '1 second'),
  tests.stand_in_line(21, p_is_linked => true),
  tests.stand_in_line(21, 1, '-1 second', p_is_linked => true),
  tests.stand_in_line(21, 1, p_retry => '-1 second', p_is_linked => true),
  tests.stand_in_line(21, 3, '-1 second', p_is_linked => true),
  tests.stand_in_line(21, 3, p_retry => '-1 second', p_is_linked => true);
select is(
  pg_temp.free(), '0 0',
  'running jobs, later retries and jobs of a queue are not free');

select tests.stand_in_line(21, 1, p_retry => '0');
select is(pg_temp.free(p_is_lapsed => false), '1 1', 'a due retry is free');
select tests.stand_in_line(21, 1, '0'), tests.stand_in_line(21, 2, '-1 second');
select is(pg_temp.free(), '3 3', 'a job with an expired lease is free');
select is(pg_temp.free(p_is_lapsed => false), '1 1',
  'it counts only if claims look for expired leases');
select is(pg_temp.free(2), '2 2', 'the count stops at a limit of 2');
select is(pg_temp.free(1), '1 1', 'the count stops at a limit of 1');
select tests.stand_in_line(21), tests.stand_in_line(21), tests.stand_in_line(21);
select is(pg_temp.free(), '6 6', 'pending jobs are free');
select is(pg_temp.free(4) || ',' || pg_temp.free(2), '4 4,2 2', 'pending jobs are counted first');

select pg_temp.clear(), tests.stand_in_line(21, 3, '-1 second');
select is(pg_temp.free(), '0 1', 'a job that a claim only ends takes a turn');
select is(
  pg_temp.free(p_is_lapsed => false) || ',' || pg_temp.free(0), '0 0,0 0',
  'it takes a turn only if a claim reaches it');
select pg_temp.clear(), tests.stand_in_line(21, 1, '-1 second', p_is_cancelled => true);
select is(pg_temp.free(), '0 1', 'a cancelled job takes a turn');
select tests.stand_in_line(21), tests.stand_in_line(21, 1, p_retry => '1 second');
select is(pg_temp.free(), '1 1', 'none takes a turn before a pending job');
select pg_temp.clear(), tests.stand_in_line(21, 1, '-1 second'),
  tests.stand_in_line(21, 3, p_retry => '-2 seconds'),
  tests.stand_in_line(21, 1, p_retry => '-1 second', p_is_cancelled => true);
select is(pg_temp.free(), '1 2', 'retries come after expired leases; the claim ends the last ones');
select tests.stand_in_line(21, 1, p_retry => '0'), tests.stand_in_line(21, 3, '-1 second');
select is(pg_temp.free(), '2 2', 'the last one can also be returned');

select pg_temp.clear(),
  tests.stand_in_line(21, 3, '-1 second', p_id => 'ffffffff-0000-4000-8000-000000000000'),
  tests.stand_in_line(21, 1, '-1 second', p_id => '00000000-0000-4000-8000-000000000000');
select is(pg_temp.free(), '1 2', 'among expired leases the newest is last');
update index_jobs set retry_at = private.clock(), lease_expires_at = null
where tenant_id = tests.tenant(21);
select is(pg_temp.free(p_is_lapsed => false), '1 2',
  'among retries due at the same time the newest is last');

select * from finish();
rollback;
