-- The setup of Supabase and its possible faults: tests/supabase/test_broadcast.py.
begin;
select plan(16);

set local track_functions = 'pl';
select tests.arrange_cast();
select tests.set_clock('2030-01-01 12:00Z');
select tests.arrange_job('untold');
update index_jobs set version = 2 where id = tests.id('untold');
select is(
  (select coalesce(sum(f.calls), 0)::integer from pg_stat_xact_user_functions as f
   where f.funcname = 'broadcast_index_job'),
  case when to_regnamespace('realtime') is null then 0 else 2 end,
  'the function is called only where Realtime is');
select tests.arrange_realtime();
-- messages sent since the last call
create function pg_temp.told() returns text[] language sql as $$
  with gone as (delete from realtime.messages as m returning m.*)
  select array(
    select concat_ws(' ', g.topic, g.event, g.extension, g.private, g.payload)
    from gone as g
    order by (g.payload ->> 'version')::integer)
$$;
-- whether a change that includes progress is sent at once
create function pg_temp.is_told(p_change text) returns boolean language plpgsql as $$
begin
  execute 'update index_jobs set version = version + 1, '
    || $a$ progress = jsonb_build_object('done', version), $a$ || p_change
    || $a$ where id = tests.id('job') $a$;
  return cardinality(pg_temp.told()) = 1;
end
$$;

select tests.arrange_job('job', 'processing');
select is(
  pg_temp.told(),
  array[
    format('index_jobs:%s index_job broadcast t {"job_id": "%s", "status": "pending", "attempt": 0,'
      ' "version": 1, "progress": null}', tests.alice(), tests.id('job')),
    format('index_jobs:%s index_job broadcast t {"job_id": "%s", "status": "processing", "attempt": 1,'
      ' "version": 2, "progress": null}', tests.alice(), tests.id('job'))],
  'each change is sent to the topic of the user');
select tests.arrange_job('theirs', p_repository_id => tests.acme_repository());
select matches(
  (pg_temp.told())[1], '^index_jobs:' || tests.acme(),
  'changes of an organization''s job are sent to the organization''s topic');

update index_jobs set heartbeat_at = '2030-01-01 12:00:03Z', updated_at = '2030-01-01 12:00:03Z'
where id = tests.id('job');
select is(pg_temp.told(), '{}', 'a heartbeat is not sent');
update index_jobs set version = version + 1 where id = tests.id('job');
select is(cardinality(pg_temp.told()), 1, 'any other change is sent');
update index_jobs set progress = '{"done": 1}' where id = tests.id('job');
select is(pg_temp.told(), '{}', 'a change is sent only if it changes the version');
select ok(not pg_temp.is_told($$ updated_at = '2030-01-01 12:00:03.9Z' $$),
  'progress is not sent in the same second as the last change');
select ok(pg_temp.is_told($$ updated_at = '2030-01-01 12:00:04Z' $$),
  'progress is sent in the next second');
select ok(pg_temp.is_told('attempt = 2'), 'a new attempt is sent at once');
select ok(
  pg_temp.is_told($$ lease_expires_at = null, retry_at = '2030-01-01 12:05Z' $$),
  'a retry is sent at once');
select ok(pg_temp.is_told($$ cancel_requested_at = '2030-01-01 12:00:04Z' $$),
  'a cancellation request is sent at once');
select ok(
  pg_temp.is_told(
    $$ status = 'cancelled', retry_at = null, completed_at = '2030-01-01 12:00:04Z' $$),
  'the end is sent at once');

create or replace function realtime.send(payload jsonb, event text, topic text, private boolean = true)
returns void language plpgsql as 'begin raise exception $a$down$a$; end';
select tests.arrange_job('unsent');
select is(pg_temp.told(), '{}', 'a failure of Realtime does not prevent the creation of a job');
drop function realtime.send;
select tests.arrange_job('unsendable');
select is(pg_temp.told(), '{}', 'a missing send function does not prevent it');
drop schema realtime cascade;
select tests.arrange_job('unheard');
select is(
  (select count(*)::integer from index_jobs as j
  where j.id in (tests.id('unsent'), tests.id('unsendable'), tests.id('unheard'))), 3,
  'a missing Realtime schema does not prevent it');
select is((tests.job_row('untold')).status, 'pending',
  'a job can be created before Realtime is installed');

select * from finish();
rollback;
