begin;
select plan(13);

create function pg_temp.verdict(p_status text, p_metadata jsonb) returns text
language sql as $$
  select tests.refusal(format('select private.check_job_metadata(%L, %L)', p_status, p_metadata));
$$;
create function pg_temp.stats_of(p_bytes integer) returns jsonb language sql as $$
  select jsonb_build_object('stats', jsonb_build_object('a', repeat('x', p_bytes - 9)));
$$;

select is(
  pg_temp.verdict('completed', '[]'), 'PT422 invalid_metadata metadata',
  'metadata must be an object');
select is(
  pg_temp.verdict('completed', '{"result": 1}'), 'PT422 unknown_metadata metadata',
  'an unknown member is rejected');
select set_eq(
  $$ select distinct pg_temp.verdict('failed', m)
     from unnest(array['{}', '{"error": null}', '{"error": ""}', '{"error": " \n\t"}',
       '{"error": 5}', '{"error": {}}']::jsonb[]) as m $$,
  array['PT422 error_required metadata'], 'failed requires a non-empty error');
select set_eq(
  $$ select distinct pg_temp.verdict(s, '{"error": "x"}')
     from unnest(array['pending', 'processing', 'completed', 'cancelled']) as s $$,
  array['PT422 error_not_allowed metadata'], 'other statuses may not have an error');
select is(
  pg_temp.verdict('processing', '{"stats": {}}'), 'PT422 stats_not_allowed metadata',
  'stats are allowed only at the end');
select set_eq(
  $$ select distinct pg_temp.verdict('completed', m)
     from unnest(array['{"stats": []}', '{"stats": null}', '{"stats": "x"}',
       '{"stats": 1}']::jsonb[]) as m $$,
  array['PT422 invalid_stats metadata'], 'stats must be an object');
select is(
  pg_temp.verdict('completed', pg_temp.stats_of(16385)), 'PT422 stats_too_large metadata',
  'stats of more than 16 kB are rejected');
select is(octet_length((pg_temp.stats_of(16384) -> 'stats')::text), 16384,
  'stats can be exactly 16 kB');
select is(pg_temp.verdict('completed', pg_temp.stats_of(16384)), 'accepted',
  'stats of exactly 16 kB are accepted');
select is(
  pg_temp.verdict('completed', jsonb_build_object('stats', jsonb_build_object(
    'a', repeat('é', 8188)))), 'PT422 stats_too_large metadata',
  'bytes are counted, not characters');
select set_eq(
  $$ select distinct pg_temp.verdict('completed', jsonb_build_object('commit_sha', c))
     from unnest(array['""', '"main"', '5', 'null', to_jsonb(repeat('a', 39)),
       to_jsonb(repeat('g', 40)), to_jsonb(repeat('a', 41))]::jsonb[]) as c $$,
  array['PT422 invalid_commit_sha metadata'], 'a commit must be a full SHA');
select set_eq(
  $$ select distinct pg_temp.verdict('completed', jsonb_build_object('commit_sha', c))
     from unnest(array[repeat('a', 40), repeat('A', 40)]) as c $$,
  array['accepted'], 'a commit is a SHA-1 in either case');
select set_eq(
  $$ select distinct pg_temp.verdict(s, m) from (values ('processing', '{}'::jsonb),
       ('completed', '{}'), ('cancelled', '{"stats": {}}'),
       ('failed', '{"error": "x", "stats": {"files_indexed": 1}}')) as v (s, m) $$,
  array['accepted'], 'metadata that fits the status is accepted');

select * from finish();
rollback;
