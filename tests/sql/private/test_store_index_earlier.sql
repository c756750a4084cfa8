begin;
select plan(2);

select tests.arrange_cast();
select tests.arrange_job('earlier', 'completed');
select tests.arrange_job('job', 'processing');
insert into indexed_commits (repository_id, job_id, commit_sha, extractor, stats)
values (tests.alice_repository(), tests.id('earlier'), repeat('a', 40), 'x', '{"symbols": 7}');
insert into skipped_files (repository_id, job_id, path, reason)
select tests.alice_repository(), tests.id('earlier'), n::text, 'binary'
from generate_series(1, 10000) as n;
insert into private.incoming_skipped (path, reason) values ('a.bin', 'binary');

select is(
  tests.refusal($$ select private.store_index(tests.job_row('job'), true,
    '{"files_indexed": 0, "symbols_extracted": 0}') $$),
  'accepted', 'stored and skipped files of an earlier job are not counted');
select is(
  (select count(*)::integer from skipped_files as k where k.job_id = tests.id('job')), 1,
  'those of the job are counted');

select * from finish();
rollback;
