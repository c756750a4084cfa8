begin;
select plan(7);

select tests.arrange_cast();
select tests.set_clock('2030-01-01 12:00Z');
create temp table jobs (no serial, id uuid, repository_id uuid);
grant select on jobs to public;
insert into jobs (id, repository_id)
select tests.job_for(tests.alice_repository()), tests.alice_repository() from generate_series(1, 4);
select tests.advance_clock('1 second');
insert into jobs (id, repository_id)
select tests.job_for(tests.acme_repository()), tests.acme_repository() from generate_series(1, 2);
select setval('private.claim_cursor_high', 0), setval('private.claim_cursor_low', 0);
select tests.act_as_worker();

select results_eq(
  $$ select j.repository_id = tests.acme_repository()
     from generate_series(1, 6) as n
     cross join lateral claim_index_job(tests.worker(n), '1 minute') as j $$,
  'values (false), (true), (false), (true), (false), (false)',
  'tenants take turns, however many jobs one of them has');
select is_empty($$ select claim_index_job(tests.worker(0), '1 minute') $$, 'then no job is left');

select fail_job_attempt(j.id, 1, 'down') from jobs as j
where j.repository_id = tests.acme_repository();
select is_empty(
  $$ select claim_index_job(tests.worker(0), '1 minute') $$,
  'a job that waits for a retry is not free, with or without a lease');
select tests.advance_clock('6 seconds');
select is(
  (select j.repository_id from claim_index_job(tests.worker(0), '1 minute') as j), tests.acme_repository(),
  'a job whose retry_at has passed is free');

select tests.act_as_admin();
select tests.job_for(tests.acme_repository()) as id into temp waiting;
grant select on waiting to public;
select tests.act_as_worker();
select link_queue_job((select id from waiting), gen_random_uuid());
select is(
  (select j.repository_id from claim_index_job(tests.worker(0), '1 minute') as j), tests.acme_repository(),
  'the other job is free too');
select is_empty(
  $$ select claim_index_job(tests.worker(0), '1 minute') $$,
  'a job of an external queue is never free');
select tests.advance_clock('2 minutes');
select results_eq(
  $$ select j.repository_id = tests.acme_repository(), j.attempt
     from generate_series(1, 7) as n
     cross join lateral claim_index_job(tests.worker(n), '1 minute') as j $$,
  'values (false, 2), (true, 3), (false, 2), (true, 3), (false, 2), (false, 2)',
  'when all leases have expired each job is claimed again, tenants in turn');
select * from finish();
rollback;
