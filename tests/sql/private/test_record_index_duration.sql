begin;
select plan(3);

select tests.arrange_cast();
select tests.set_clock('2026-01-01 12:00:00+00');
select tests.arrange_job('job', 'processing');
select tests.advance_clock('7 seconds');
select j.id from update_job_status(tests.id('job'), 'completed',
  jsonb_build_object('commit_sha', repeat('c', 40))) as j;
insert into indexed_files (repository_id, job_id, path, bytes, blob_sha) values
  (tests.alice_repository(), tests.id('job'), 'a', 10, 'x'),
  (tests.alice_repository(), gen_random_uuid(), 'b', 20, 'x'),
  (tests.acme_repository(), gen_random_uuid(), 'c', 40, 'x');
select private.record_index_duration(tests.job_row('job'));
select results_eq(
  $$ select d.repository_id, d.commit_sha, d.bytes, d.bytes_unchanged, d.seconds, d.ended_at
     from private.index_durations as d $$,
  $$ values (tests.alice_repository(), repeat('c', 40), 30::bigint, 20::bigint,
       7::double precision, timestamptz '2026-01-01 12:00:07+00') $$,
  'a duration records how much was read and how long it took');
insert into private.index_durations
  (repository_id, commit_sha, bytes, bytes_unchanged, seconds, ended_at)
values (tests.acme_repository(), 'd', 1, 0, 1, private.clock());
select private.record_index_duration(tests.job_row('job')) from generate_series(1, 20);
select is(
  (select count(*)::integer from private.index_durations as d
   where d.repository_id = tests.alice_repository()),
  20, 'twenty durations are kept');
select is(
  (select count(*)::integer from private.index_durations as d
   where d.repository_id = tests.acme_repository()),
  1, 'the limit is per repository');

select * from finish();
rollback;
