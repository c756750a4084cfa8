begin;
select plan(14);

select tests.set_clock('2026-03-01 12:00+00');
select tests.arrange_cast();
select tests.arrange_job('pending');
select tests.arrange_job('processing', 'processing');
select tests.arrange_job('completed', 'completed');
select tests.arrange_job('failed', 'failed');

create function pg_temp.broken_by(p_job text, p_change text) returns text
language sql as $$
  select tests.refusal('update index_jobs set ' || p_change || ' where id = tests.id('
    || quote_literal(p_job) || ')');
$$;

select is(
  pg_temp.broken_by('pending', $$ organization_id = tests.acme() $$),
  '23514 index_jobs_belong_to_one_owner', 'a job has exactly one owner');
select is(
  pg_temp.broken_by('completed', 'completed_at = null'),
  '23514 index_jobs_are_final_iff_they_have_completed_at', 'a final job has an end time');
select is(
  pg_temp.broken_by('processing', 'completed_at = started_at'),
  '23514 index_jobs_are_final_iff_they_have_completed_at', 'other jobs have no end time');
select is(
  pg_temp.broken_by('failed', 'error_message = null'),
  '23514 index_jobs_failed_iff_they_have_an_error_message', 'a failed job has an error');
select is(
  pg_temp.broken_by('completed', $$ error_message = 'x' $$),
  '23514 index_jobs_failed_iff_they_have_an_error_message', 'other jobs have no error');
select is(
  pg_temp.broken_by('processing', $$ started_at = created_at - interval '1 second' $$),
  '23514 index_jobs_started_at_is_not_before_created_at',
  'a job does not start before its creation');
select is(
  pg_temp.broken_by('completed', $$ completed_at = started_at - interval '1 second' $$),
  '23514 index_jobs_completed_at_is_not_before_started_at', 'a job does not end before its start');
select is(
  pg_temp.broken_by('failed', $$ completed_at = created_at - interval '1 second' $$),
  '23514 index_jobs_completed_at_is_not_before_started_at',
  'a job does not end before its creation');
select is(
  pg_temp.broken_by('processing', 'attempt = 0'),
  '23514 index_jobs_have_an_attempt_iff_they_started', 'a job that started has an attempt');
select is(
  pg_temp.broken_by('pending', 'started_at = created_at, attempt = 1'),
  '23514 index_jobs_are_pending_until_they_start', 'a pending job has not started');
select is(
  pg_temp.broken_by('pending', 'lease_expires_at = created_at'),
  '23514 index_jobs_hold_a_lease_only_while_processing', 'a pending job has no lease');
select set_eq(
  $$ select pg_temp.broken_by('pending', c) from unnest(array['max_attempts = 0',
       'progress = ''[]''', 'stats = ''[]''', 'commit_sha = ''main''',
       'commit_sha = repeat(''a'', 64)']) as c $$,
  array['23514 index_jobs_max_attempts_is_reasonable', '23514 index_jobs_progress_is_an_object',
    '23514 index_jobs_stats_are_an_object',
    '23514 index_jobs_commit_sha_is_a_full_object_id'],
  'each column rejects invalid values');
select is(
  pg_temp.broken_by('processing', $$ lease_expires_at = started_at, retry_at = started_at,
    progress = '{}', stats = '{}', max_attempts = 100, commit_sha = repeat('a', 40) $$),
  'accepted', 'valid values are accepted');

delete from repositories where id = tests.alice_repository();
select is_empty(
  'select j.id from index_jobs as j', 'deleting a repository deletes its jobs');

select * from finish();
rollback;
