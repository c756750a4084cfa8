begin;
select plan(10);

select tests.arrange_cast();
select tests.arrange_index();
select tests.arrange_job('job');
select tests.arrange_job('theirs', p_repository_id => tests.acme_repository());
create function pg_temp.ask(
  p_user_id uuid, p_job_id text, p_cursor text default null, p_limit integer default 20
) returns private.api_answer language sql as $$
  select a from api_list_skipped_files(
    null, jsonb_build_object('sub', p_user_id, 'role', 'authenticated'), p_job_id,
    p_cursor => p_cursor, p_limit => p_limit) as a
$$;
create function pg_temp.said(a private.api_answer) returns text language sql as $$
  select concat_ws(
    ' ', (a).verdict, nullif((a).code, ''), nullif((a).field, ''), (a).rate_remaining)
$$;
select tests.act_as_http();

select results_eq(
  $$ select a.verdict, a.rate_remaining, a.next_cursor, b.body ->> 'job_id',
       b.body ->> 'commit_sha', json_array_length(b.body -> 'skipped'),
       b.body -> 'skipped' -> 0 ->> 'path', b.body ->> 'next_cursor'
     from pg_temp.ask(tests.alice(), tests.id('job')::text) as a
     cross join lateral (select a.body::json) as b (body) $$,
  $$ values ('ok', 99, null::text, tests.indexed_by()::text, repeat('c', 40), 3, 'src/z.bin',
       null::text) $$,
  'stored rows are returned for one request; a page that is not full is the last');
select is(
  (select array_agg(k.key order by k.key)
   from pg_temp.ask(tests.alice(), tests.id('job')::text) as a
   cross join json_object_keys(a.body::json -> 'skipped' -> 0) as k (key)),
  array['path', 'reason'], 'a row has these members');
select results_eq(
  $$ select b.body::json ->> 'next_cursor' = a.next_cursor, json_array_length(c.body::json -> 'skipped')
     from pg_temp.ask(tests.alice(), tests.id('job')::text, p_limit => 2) as a
     cross join lateral (select a.body) as b
     cross join lateral pg_temp.ask(tests.alice(), tests.id('job')::text, a.next_cursor) as c $$,
  $$ values (true, 1) $$, 'a full page has a cursor to the next');
select is(
  pg_temp.said(pg_temp.ask(tests.alice(), tests.id('theirs')::text)), 'PT404 95',
  'a foreign job is not found');
select is(pg_temp.said(pg_temp.ask(tests.alice(), 'x')), 'PT404 94',
  'text that is not an id is not found');
select is(
  pg_temp.said(pg_temp.ask(tests.bob(), tests.id('theirs')::text)), 'PT409 not_completed 99',
  'a request before the first index is rejected');
select is(
  pg_temp.said(pg_temp.ask(tests.alice(), tests.id('job')::text, 'x')),
  'PT422 invalid_cursor cursor 93', 'an invalid cursor is named');
select is(
  pg_temp.said(pg_temp.ask(tests.alice(), tests.id('job')::text, p_limit => 101)),
  'PT422 invalid_limit limit 92', 'an invalid limit is named');
select is(
  (select json_array_length(a.body::json -> 'skipped')
   from api_list_skipped_files(
     null, jsonb_build_object('sub', tests.alice(), 'role', 'authenticated'),
     tests.id('job')::text, 'vendored') as a), 1, 'a reason is passed on');
select is(
  (select a.verdict from api_list_skipped_files('ij_0_0', null, tests.id('job')::text) as a), 'PT401',
  'an unknown key is rejected');

select * from finish();
rollback;
