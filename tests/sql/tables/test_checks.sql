-- Valid values of the other tables' columns: the constraint that rejects each invalid value.
begin;
select plan(10);

select tests.arrange_cast();
select tests.arrange_job('job', 'completed');
insert into indexed_files (repository_id, job_id, path, bytes, blob_sha, symbol_count)
values (tests.alice_repository(), tests.id('job'), 'a.py', 0, 'x', 0);

create function pg_temp.refusals(p_statement text, p_values text[]) returns setof text
language sql as $$
  select tests.refusal(format(p_statement, v)) from unnest(p_values) as v;
$$;

select set_eq(
  $$ select pg_temp.refusals('update organizations set slug = %L',
       array['', '-a', 'a-', 'A', 'a.b', repeat('a', 64)]) $$,
  array['23514 organizations_slug_is_a_dns_label'], 'the slug of an organization is a DNS label');
select set_eq(
  $$ select pg_temp.refusals('update organizations set name = %L',
       array['', '  ', repeat('a', 201)]) $$,
  array['23514 organizations_name_is_not_empty'], 'its name is neither empty nor too long');
select set_eq(
  $$ select pg_temp.refusals('update organization_members set role = %L',
       array['', 'Owner', 'guest']) $$,
  array['23514 organization_members_role_is_known'], 'a member has one of three roles');
select set_eq(
  $$ select pg_temp.refusals('update repositories set full_name = %L',
       array['/a', 'a/', 'a b/c', 'a/b/' || repeat('c', 255)]) $$,
  array['23514 repositories_full_name_is_a_path'],
  'the name of a repository is a path of limited length');
select set_eq(
  $$ select pg_temp.refusals('update private.tiers set requests_per_hour = %s',
       array['0', '-1']) $$,
  array['23514 tiers_requests_per_hour_is_positive'], 'each tier allows at least one request');
insert into private.api_keys (id, user_id, name, secret_hash, created_at)
values ('0', tests.alice(), 'a', 'x', now());
select set_eq(
  $$ select pg_temp.refusals('update private.api_keys set name = %L',
       array['', '  ', repeat('a', 101)]) $$,
  array['23514 api_keys_name_is_not_empty'], 'the name of a key is neither empty nor too long');
select is(
  tests.refusal('update index_job_events set event_no = 0 where event_no = 1'),
  '23514 index_job_events_are_numbered_from_one', 'the first event has number one');
insert into skipped_files (repository_id, job_id, path, reason)
values (tests.alice_repository(), tests.id('job'), 'b.py', 'binary');
insert into symbols (repository_id, file_id, name, kind, start_line, end_line)
values (tests.alice_repository(), 1, 'f', 'function', 2, 2);
insert into indexed_commits (repository_id, job_id, commit_sha, extractor, stats)
values (tests.alice_repository(), tests.id('job'), repeat('a', 40), 'x', '{}');
select set_eq(
  $$ select tests.refusal(s) from unnest(array[
       'update indexed_files set bytes = -1', 'update indexed_files set symbol_count = -1',
       'update symbols set end_line = 1', 'update skipped_files set reason = ''Too big''',
       'update indexed_commits set stats = ''[]''']) as s $$,
  array['23514 indexed_files_bytes_are_not_negative',
    '23514 indexed_files_symbol_count_is_not_negative',
    '23514 symbols_end_line_is_not_before_start_line',
    '23514 skipped_files_reason_is_a_word_in_lower_case',
    '23514 indexed_commits_stats_are_an_object'],
  'the rows of an index have valid values');
select set_eq(
  $$ select tests.refusal(s) from unnest(array[
       'update organizations set slug = repeat(''a'', 63), name = repeat(''a'', 200)',
       'update private.api_keys set name = repeat(''a'', 100)',
       'update repositories set full_name = ''a/'' || repeat(''b'', 253)
        where owner_user_id is not null']) as s $$,
  array['accepted'], 'values of the maximum length are accepted');

select is(
  tests.refusal($$ insert into private.queue_attempts (job_id, queue_attempt)
                   values (tests.id('job'), -1) $$),
  '23514 queue_attempts_are_counted_from_zero', 'the run count of a queue starts at zero');

select * from finish();
rollback;
