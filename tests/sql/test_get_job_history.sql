begin;
select plan(6);

select tests.arrange_cast();
select tests.set_clock('2030-01-01 12:00Z');
select tests.job_for(tests.acme_repository()) as id into temp job;
grant select on job to public;
select tests.act_as_worker();
select tests.advance_clock('1 second');
select claim_index_job(tests.worker(1), '10 seconds');
select tests.advance_clock('1 second');
select fail_job_attempt((select id from job), 1, 'down');
select tests.advance_clock('5 seconds');
select claim_index_job(tests.worker(2), '10 seconds');
select tests.advance_clock('10 seconds');
select claim_index_job(tests.worker(3), '10 seconds');
select tests.act_as(tests.bob());
select cancel_index_job((select id from job));
select tests.act_as_worker();
select tests.advance_clock('1 second');
select update_job_status((select id from job), 'cancelled', '{}', 3, tests.worker(3));

select tests.act_as(tests.carol());
select results_eq(
  $$ select e.event_no, e.from_status::text, e.to_status::text, e.attempt, e.worker_id,
       e.detail ->> 'error', e.detail ? 'retry_at', e.detail ? 'cancel_requested'
     from get_job_history((select id from job)) as e $$,
  $$ values
    (1, null, 'pending', 0, null, null, false, false),
    (2, 'pending', 'processing', 1, tests.worker(1)::uuid, null, false, false),
    (3, 'processing', 'processing', 1, tests.worker(1)::uuid, 'down', true, false),
    (4, 'processing', 'processing', 2, tests.worker(2)::uuid, null, false, false),
    (5, 'processing', 'processing', 3, tests.worker(3)::uuid, 'the worker was lost', false, false),
    (6, 'processing', 'processing', 3, tests.worker(3)::uuid, null, false, true),
    (7, 'processing', 'cancelled', 3, tests.worker(3)::uuid, null, false, false) $$,
  'a member sees the complete history, numbered without gaps');

select tests.act_as(tests.alice());
select throws_ok(
  $$ select get_job_history((select id from job)) $$,
  'PT404', null, 'another tenant''s job is not found');
select throws_ok(
  $$ select get_job_history(null) $$, 'PT404', null, 'null is not found');
select tests.act_as_anon();
select throws_ok(
  $$ select get_job_history((select id from job)) $$, '42501', null, 'anon may not call it');

select tests.act_as_admin();
select results_eq(
  $$ select a.attempt, a.worker_id, a.started_at - '2030-01-01 12:00Z', a.ended_at - a.started_at,
       a.outcome, a.error
     from private.job_attempts((select id from job)) as a $$,
  $$ values
    (1, tests.worker(1)::uuid, interval '1 second', interval '1 second', 'retry', 'down'),
    (2, tests.worker(2)::uuid, '7 seconds', '10 seconds', 'lost', 'the worker was lost'),
    (3, tests.worker(3)::uuid, '17 seconds', '1 second', 'cancelled', null) $$,
  'each attempt has start, end, worker, outcome and error');
select tests.job_for(tests.acme_repository()) as id into temp given_back;
grant select on given_back to public;
select tests.act_as_worker();
select claim_index_job(tests.worker(1), '10 seconds');
select report_job_progress((select id from given_back), 1, p_lease => '0');
select claim_index_job(tests.worker(2), '10 seconds');
select tests.act_as_admin();
select results_eq(
  $$ select a.attempt, a.outcome, a.error, a.ended_at is null
     from private.job_attempts((select id from given_back)) as a $$,
  $$ values (1, 'handed_back', null::text, false), (2, null, null, true) $$,
  'a handed-back attempt ended without an error; a running one has no end');

select * from finish();
rollback;
