begin;
select plan(2);

select tests.arrange_cast();
select tests.arrange_job('earlier', 'completed');
select tests.arrange_job('job', 'processing');
insert into skipped_files (repository_id, job_id, path, reason)
select tests.alice_repository(), tests.id('earlier'), n::text, 'binary'
from generate_series(1, 10000) as n;
insert into private.incoming_skipped (path, reason) values ('a.bin', 'binary');

select is(
  tests.refusal($$ select private.store_incoming_rows(tests.job_row('job')) $$), 'accepted',
  'skipped files of an earlier job are not counted');
select is(
  (select count(*)::integer from skipped_files as k where k.job_id = tests.id('job')), 1,
  'those of the job are counted');

select * from finish();
rollback;
