begin;
select plan(9);

select tests.arrange_cast();
select tests.set_clock('2030-01-01 12:00Z');
create temp table jobs (no serial, id uuid);
grant select on jobs to public;
insert into jobs (id) select tests.job_for(tests.alice_repository()) from generate_series(1, 5);
insert into public.indexed_files (repository_id, job_id, path, bytes, blob_sha)
select tests.alice_repository(), id, 'a.py', 1, 'x' from jobs where no = 2;
select tests.act_as_worker();
select update_job_status(id, 'processing') from jobs where no <= 3;
select tests.advance_clock('90 seconds');
select update_job_status(id, 'completed', '{}', 1) from jobs where no <= 3;
select tests.advance_clock('12 hours');
select update_job_status(id, 'failed', '{"error": "x"}') from jobs where no = 4;

select tests.advance_clock('89 days 12 hours');
select is(
  (select purged from purge_finished_jobs(p_limit => 1)), 1, 'p_limit limits a batch');
select is((select purged from purge_finished_jobs()), 2, 'the next call continues');
select is(
  (select purged from purge_finished_jobs()), 0,
  'newer and pending jobs are not deleted');
select is(
  (select count(*) from jobs as j, get_job_status(j.id) where j.no in (4, 5)), 2::bigint,
  'these jobs still exist');
select isnt_empty('select from indexed_files', 'the index of a job outlives it');
select is(
  tests.refusal($$ select get_job_history((select id from jobs where no = 1)) $$),
  'PT404', 'events are deleted with their job');
select tests.advance_clock('1 day');
select is((select purged from purge_finished_jobs('90 days')), 1,
  'the others are deleted when old enough');
select is(
  tests.refusal($$ select purge_finished_jobs(null) $$),
  'PT422 invalid_older_than older_than', 'an age is required');
select tests.act_as(tests.alice());
select throws_ok(
  $$ select purge_finished_jobs() $$, '42501', null, 'a user may not purge');

select * from finish();
rollback;
