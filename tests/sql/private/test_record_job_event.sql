begin;
select plan(7);

select tests.set_clock('2026-03-01 12:00+00');
select tests.arrange_cast();
select tests.arrange_job('job');
select tests.arrange_job('other', 'failed');

select tests.act_as_worker();
select tests.advance_clock('1 second');
select j.id from claim_index_job(tests.worker(1), '1 second') as j;
select report_job_progress(tests.id('job'), 1);
select report_job_progress(tests.id('job'), 1, 'walk', 1, 2, '1 second');
select tests.advance_clock('2 seconds');
select j.id from claim_index_job(tests.worker(2), '1 minute') as j;
select tests.act_as_admin();
update index_jobs set cancel_requested_at = private.clock(), updated_at = private.clock()
where id = tests.id('job');
select tests.act_as_worker();
select tests.advance_clock('1 second');
select j.id from update_job_status(tests.id('job'), 'failed', '{"error": "it broke"}', 2) as j;
select j.id from update_job_status(tests.id('job'), 'failed', '{"error": "it broke"}', 2) as j;
select results_eq(
  $$ select e.event_no, e.from_status::text, e.to_status::text, e.attempt, e.at, e.worker_id,
       e.detail
     from index_job_events as e where e.job_id = tests.id('job') order by e.event_no $$,
  $$ values
       (1, null, 'pending', 0, timestamptz '2026-03-01 12:00+00', null, '{}'::jsonb),
       (2, 'pending', 'processing', 1, '2026-03-01 12:00:01+00', tests.worker(1)::uuid, '{}'),
       (3, 'processing', 'processing', 2, '2026-03-01 12:00:03+00', tests.worker(2)::uuid,
         '{"error": "the worker was lost"}'),
       (4, 'processing', 'processing', 2, '2026-03-01 12:00:03+00', tests.worker(2)::uuid,
         '{"cancel_requested": true}'),
       (5, 'processing', 'failed', 2, '2026-03-01 12:00:04+00', tests.worker(2)::uuid,
         '{"error": "it broke"}') $$,
  'created, begun, begun again, cancel requested, ended: each once, without gaps');
select results_eq(
  $$ select e.event_no, e.to_status::text from index_job_events as e
     where e.job_id = tests.id('other') order by e.event_no $$,
  $$ values (1, 'pending'), (2, 'failed') $$,
  'each job has its own event numbers');

select tests.arrange_job('undone');
select throws_ok(
  $$ do $do$ begin
       perform update_job_status(tests.id('undone'), 'processing');
       raise exception 'no' using errcode = 'PT499';
     end; $do$ $$, 'PT499', null, 'a caller can roll back');
select is(
  (select count(*)::integer from index_job_events as e where e.job_id = tests.id('undone')), 1,
  'a rollback leaves no event');
select j.id from update_job_status(tests.id('undone'), 'processing') as j;
select is(
  (select max(e.event_no) from index_job_events as e where e.job_id = tests.id('undone')), 2,
  'a rollback leaves no gap');

select tests.act_as_admin();
delete from index_jobs where id = tests.id('undone');
select is(
  (select count(*)::integer from index_job_events as e where e.job_id = tests.id('undone')), 0,
  'events are deleted with their job');
select is(
  tests.refusal($$ insert into index_job_events (job_id, event_no, to_status, attempt, at, version)
    values (tests.id('job'), 0, 'failed', 2, now(), 9) $$),
  '23514 index_job_events_are_numbered_from_one', 'event numbers start at one');

select * from finish();
rollback;
