-- Every kind of job of one tenant, 21, between two others that have three free jobs each.
begin;
select plan(5);

select tests.arrange_line();
select tests.stand_in_line(n), tests.stand_in_line(n, 1, p_retry => '-1 minute'),
  tests.stand_in_line(n, 1, '-1 minute')
from unnest(array[20, 22]) as n;
create function pg_temp.put(
  p_name text, p_attempt integer = 0, p_lease interval = null, p_retry interval = null,
  p_is_linked boolean = false, p_is_cancelled boolean = false
) returns void language plpgsql as $$
declare
  v_ordinal integer := 1 + (select count(*) from index_jobs as j where j.tenant_id = tests.tenant(21));
begin
  perform tests.name_id(p_name, ('00000000-0000-4000-8000-' || lpad(v_ordinal::text, 12, '0'))::uuid);
  perform tests.stand_in_line(
    21, p_attempt, p_lease, p_retry, tests.id(p_name), p_is_linked, p_is_cancelled);
end
$$;
-- 'claims own' of each; nothing for jobs that no claim returns
create function pg_temp.before(variadic p_names text[]) returns text[] language sql as $$
  select array(
    select concat_ws(' ', c.claims, c.own)
    from unnest(p_names) with ordinality as n (name, place)
    cross join lateral private.count_claims_before(tests.job_row(n.name), '2030-01-01 12:00Z') as c
    order by n.place)
$$;

select pg_temp.put('pending_1'), pg_temp.put('pending_2'),
  pg_temp.put('due_2', 1, p_retry => '0'), pg_temp.put('due_3', 1, p_retry => '0'),
  pg_temp.put('due_1', 1, p_retry => '-1 minute'),
  pg_temp.put('lapsed_1', 1, '0'), pg_temp.put('lapsed_2', 1, '-1 minute'),
  pg_temp.put('held', 1, '1 second'), pg_temp.put('waits', 1, p_retry => '1 second'),
  pg_temp.put('due_used_up', 3, p_retry => '-1 minute'),
  pg_temp.put('due_cancelled', 1, p_retry => '-1 minute', p_is_cancelled => true),
  pg_temp.put('lapsed_used_up', 3, '-1 minute'),
  pg_temp.put('lapsed_cancelled', 1, '-1 minute', p_is_cancelled => true),
  pg_temp.put('linked', p_is_linked => true),
  pg_temp.put('linked_due', 1, p_retry => '-1 minute', p_is_linked => true),
  pg_temp.put('linked_lapsed', 1, '-1 minute', p_is_linked => true);
update index_jobs set created_at = '2029-12-31Z' where id = tests.id('pending_1');

select is(
  pg_temp.before('lapsed_1', 'lapsed_2', 'due_1', 'due_2', 'due_3', 'pending_1', 'pending_2'),
  array['2 0', '5 1', '8 2', '9 3', '10 4', '11 5', '12 6'],
  'expired leases come first, then retries by time, then pending jobs by time');
select is(
  pg_temp.before('held', 'waits', 'due_used_up', 'due_cancelled', 'lapsed_used_up',
    'lapsed_cancelled', 'linked', 'linked_due', 'linked_lapsed'),
  array_fill(''::text, array[9]), 'no claim returns any other job');
delete from index_jobs
where tenant_id <> tests.tenant(21) and status = 'processing' and retry_at is null;
select is(
  pg_temp.before('lapsed_1', 'lapsed_2', 'due_1', 'pending_2'),
  array['2 0', '5 1', '6 2', '10 6'],
  'the order is the same when other tenants have no such jobs');
select setval('private.claim_lease_check', extract(epoch from timestamptz '2030-01-01 12:00Z')::bigint);
select is(
  pg_temp.before('due_1', 'due_2', 'due_3', 'pending_1', 'pending_2'),
  array['2 0', '5 1', '6 2', '7 3', '8 4'],
  'leases that expire in the second of the last check are not seen');
select is(pg_temp.before('lapsed_1', 'lapsed_2'), array['', ''],
  'jobs with such leases have no position');

select * from finish();
rollback;
