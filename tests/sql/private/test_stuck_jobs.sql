begin;
select plan(6);

create function pg_temp.stuck(p_is_processing boolean) returns setof text language sql as $$
  select k.name || ' ' || s.kind || ' ' || (s.since - '2030-01-01 12:00Z')::text
  from private.stuck_jobs('30 minutes', p_is_processing) as s
  join unnest(array['pending', 'leased', 'plain', 'asked', 'waiting', 'queued']) as k (name)
    on tests.id(k.name) = s.job_id;
$$;
select tests.set_clock('2030-01-01 12:00Z');
select tests.arrange_cast();
select tests.arrange_job('pending');
select tests.arrange_job(n, 'processing')
from unnest(array['leased', 'plain', 'asked', 'waiting', 'queued']) as n;
update index_jobs set lease_expires_at = private.clock() + interval '30 seconds'
where id in (tests.id('leased'), tests.id('asked'));
update index_jobs set cancel_requested_at = private.clock() where id = tests.id('asked');
update index_jobs set retry_at = private.clock() where id in (tests.id('waiting'), tests.id('queued'));
update index_jobs set queue_job_id = gen_random_uuid() where id = tests.id('queued');

select is_empty(
  $$ select pg_temp.stuck(false) $$, 'a job that waits for its next attempt is not stuck yet');
select tests.advance_clock('1 minute');
select set_eq(
  $$ select pg_temp.stuck(false) $$,
  array['leased lease_expired 00:00:30', 'asked cancel_overdue 00:00:00'],
  'expired leases and ignored cancellations are stuck at once, the latter first');
select tests.advance_clock('29 minutes');
select set_eq(
  $$ select pg_temp.stuck(false) $$,
  array['queued retry_overdue 00:00:00', 'leased lease_expired 00:00:30',
    'asked cancel_overdue 00:00:00', 'plain silent 00:00:00', 'waiting retry_overdue 00:00:00',
    'pending unclaimed 00:00:00'],
  'other jobs are stuck after the given time');
select set_eq(
  $$ select pg_temp.stuck(true) except select 'pending unclaimed 00:00:00' $$,
  $$ select pg_temp.stuck(true) $$, 'pending jobs can be excluded');

select tests.set_clock('2030-01-01 11:59:59Z');
select is_empty(
  $$ select s from pg_temp.stuck(true) as s where s like 'asked %' $$,
  'a cancellation request one second in the future counts as current');
select tests.set_clock('2030-01-01 11:59:58Z');
select results_eq(
  $$ select s from pg_temp.stuck(true) as s where s like 'asked %' $$,
  array['asked cancel_overdue -00:00:02'],
  'a cancellation request further in the future is overdue');

select * from finish();
rollback;
