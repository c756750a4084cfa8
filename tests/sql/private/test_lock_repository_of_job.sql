begin;
select plan(7);

select tests.arrange_cast();
select tests.arrange_job('job', 'processing');
select tests.arrange_job('pending');
select is(
  (private.lock_repository_of_job(tests.id('job'), 1)).status::text, 'processing',
  'the job is returned unchanged');
select is(
  current_setting('idle_in_transaction_session_timeout'), '1min',
  'without a lease a worker may be silent for a minute');
select is(
  tests.refusal($$ select private.lock_repository_of_job(tests.id('job'), 2) $$),
  'PT409 stale_attempt attempt', 'a worker that does not hold the attempt locks nothing');
select is(
  tests.refusal($$ select private.lock_repository_of_job(tests.id('pending'), null) $$),
  'PT409 not_processing job_id', 'a worker that has not claimed the job locks nothing');
select is(
  tests.refusal($$ select private.lock_repository_of_job(gen_random_uuid(), 1) $$), 'PT404',
  'an unknown job is not found, without a detail');
select tests.arrange_job('other', 'pending', tests.acme_repository());
-- the locked rows, without the key-share locks that new jobs take
set local session_replication_role = replica;
create temp table copies as select r.* from repositories as r;
delete from repositories;
insert into repositories select c.* from copies as c;
set local session_replication_role = origin;
select private.lock_repository_of_job(tests.id('job'), 1);
select results_eq(
  $$ select r.id from repositories as r
     where r.xmax::text::bigint = pg_current_xact_id()::text::bigint $$,
  $$ values (tests.alice_repository()) $$, 'only the repository of the job is locked');
select tests.act_as_worker();
select is(
  tests.refusal($$ select private.lock_repository_of_job(tests.id('job'), 1) $$), '42501',
  'a repository cannot be locked without the right to store');

select * from finish();
rollback;
