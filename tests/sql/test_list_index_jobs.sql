begin;
select plan(15);

select tests.arrange_cast();
select tests.set_clock('2030-01-01 12:00Z');
create temp table jobs (no serial, id uuid, created_at timestamptz);
grant select on jobs to public;
insert into jobs (id) select tests.job_for(tests.alice_repository()) from generate_series(1, 3);
select tests.advance_clock('1 second');
insert into jobs (id) select tests.job_for(tests.alice_repository()) from generate_series(1, 2);
select tests.job_for(tests.acme_repository()) as id into temp shared;
grant select on shared to public;
insert into public.repositories (id, full_name, git_url, owner_user_id)
values ('00000000-0000-4000-8000-000000000009', 'alice/other', '/x', tests.alice());
select tests.job_for('00000000-0000-4000-8000-000000000009') as id into temp other;
grant select on other to public;
update jobs set created_at = j.created_at from public.index_jobs as j where j.id = jobs.id;
select tests.act_as_worker();
select update_job_status((select id from other), 'failed', '{"error": "x"}');

select tests.act_as(tests.alice());
select results_eq(
  $$ select j.id from list_index_jobs() as j $$,
  $$ select l.id from (select id, created_at from jobs union all
       select id, '2030-01-01 12:00:01Z' from other) as l order by l.created_at desc, l.id desc $$,
  'without a scope the caller''s own jobs are listed, newest first');
select is_empty(
  $$ select list_index_jobs(tests.acme()) $$, 'a foreign organization has an empty list');
select results_eq(
  $$ select j.id from list_index_jobs(p_repository_id => tests.alice_repository()) as j $$,
  $$ select id from jobs order by created_at desc, id desc $$,
  'jobs can be filtered by repository');
select is_empty(
  $$ select list_index_jobs(p_repository_id => tests.acme_repository()) $$,
  'a repository outside the scope has no jobs');
select results_eq(
  $$ select j.id from list_index_jobs(p_status => 'failed') as j $$, 'select id from other',
  'jobs can be filtered by status');
select is(
  (select count(*) from list_index_jobs(p_since => '2030-01-01 12:00:01Z')), 3::bigint,
  'p_since is the earliest creation time');
select results_eq(
  $$ with recursive page as (
       select null::text as cursor, array[]::uuid[] as ids
       union all
       select (array_agg(to_json(j.created_at) #>> '{}' || ',' || j.id order by j.created_at, j.id))[1],
         array_agg(j.id order by j.created_at desc, j.id desc)
       from (select cursor from page where cursor is not null or ids = '{}') as p
       cross join lateral list_index_jobs(p_cursor => p.cursor, p_limit => 4) as j
       group by p.cursor)
     select cardinality(ids) from page where ids <> '{}' $$,
  $$ values (4), (2) $$, 'each page starts after the last row of the previous one');

select tests.act_as(tests.carol());
select results_eq(
  $$ select j.id from list_index_jobs(tests.acme()) as j $$, 'select id from shared',
  'a member can list the organization''s jobs');
select is_empty('select list_index_jobs()', 'these are not in the member''s own list');
select tests.act_as(tests.dave());
select is_empty('select list_index_jobs(tests.acme())', 'a former member lists nothing');
select tests.act_with_claims('{"sub": 1}');
select is_empty('select list_index_jobs()', 'invalid claims list nothing');
select tests.act_as_worker();
select is(
  (select count(*) from list_index_jobs(tests.acme(), p_status => 'pending')), 1::bigint,
  'the service can list any organization');

select is(
  tests.refusal($$ select list_index_jobs(p_status => 'done') $$),
  'PT422 unknown_status status', 'an unknown status is rejected');
select is(
  tests.refusal(
    $$ select list_index_jobs(p_cursor => '2030-02-30T12:00:00Z,' || gen_random_uuid()) $$),
  'PT422 invalid_cursor cursor', 'an invalid cursor is rejected');
select is(
  tests.refusal($$ select list_index_jobs(p_limit => 101) $$),
  'PT422 invalid_limit limit', 'the page size is limited');

select * from finish();
rollback;
