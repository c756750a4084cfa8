begin;
select plan(13);

select tests.set_clock('2026-03-01 12:00+00');
select tests.arrange_cast();
create temp table keys (name text, api_key text);
grant select, insert on keys to public;
select tests.act_as(tests.carol());
insert into keys select 'carol', k.api_key from create_api_key('k') as k;
select tests.act_as(tests.alice());
insert into keys select 'alice', k.api_key from create_api_key('k') as k;

select tests.act_as_http();
create temp table answers as
select 'first' as name, a.* from api_create_index_job(
  (select api_key from keys where name = 'alice'), null, 'alice/new',
  null, 'main', repeat('a', 40), 'key', 'https://example.com/') as a;
insert into answers
select 'repeat', a.* from api_create_index_job(
  (select api_key from keys where name = 'alice'), null, 'alice/new',
  null, 'main', repeat('a', 40), 'key', 'https://example.com/') as a;
insert into answers
select 'slug', a.* from api_create_index_job(
  (select api_key from keys where name = 'carol'), null, 'acme/shop', 'acme',
  p_git_base_url => 'https://example.com/') as a;
insert into answers
select 'id', a.* from api_create_index_job(
  (select api_key from keys where name = 'carol'), null, 'acme/shop',
  tests.acme()::text, p_git_base_url => 'https://example.com/') as a;

select results_eq(
  $$ select a.verdict, a.job_status, a.job_version, a.rate_limit, a.rate_remaining, a.body::jsonb
     from answers as a where a.name = 'first' $$,
  $$ select 'ok', 'pending', 1::bigint, 100, 99,
       jsonb_build_object('jobId', a.job_id, 'runId', a.job_id, 'status', 'pending')
     from answers as a where a.name = 'first' $$,
  'a new job is pending and its id is also the runId');
select results_eq(
  $$ select a.body, a.rate_remaining from answers as a where a.name = 'repeat' $$,
  $$ select a.body, 98 from answers as a where a.name = 'first' $$,
  'the same idempotency key returns the same job and costs a request');
select results_eq(
  $$ select a.verdict, a.rate_remaining from answers as a where a.name in ('slug', 'id')
     order by a.rate_remaining desc $$,
  $$ values ('ok', 99), ('ok', 98) $$,
  'a member may name the organization by slug or id');
select is(
  (select a.verdict from api_create_index_job('ij_0000000000000000_' || repeat('0', 64), null, 'alice/other') as a),
  'PT401', 'an unknown key creates nothing');
select is(
  (select a.verdict from api_create_index_job(null, '{"role": "service_role"}', 'alice/other') as a),
  'PT401', 'claims without a user create nothing');

select tests.act_as(tests.alice());
select is(
  tests.refusal($$ select api_create_index_job(null, '{}', 'a/b') $$),
  '42501', 'users may not pass their own claims');
select tests.act_as_anon();
select is(
  tests.refusal($$ select api_create_index_job(null, '{}', 'a/b') $$),
  '42501', 'anon may not call it');

select tests.act_as_admin();
select results_eq(
  $$ select j.created_by, j.owner_user_id, j.ref, j.commit_sha, r.full_name, r.git_url
     from answers as a
     join index_jobs as j on j.id = a.job_id
     join repositories as r on r.id = j.repository_id
     where a.name = 'first' $$,
  $$ values (tests.alice(), tests.alice(), 'main', repeat('a', 40), 'alice/new',
       'https://example.com/alice/new.git') $$,
  'the job and its repository belong to the caller');
select results_eq(
  $$ select distinct j.created_by, j.organization_id, j.repository_id, j.ref
     from answers as a join index_jobs as j on j.id = a.job_id where a.name in ('slug', 'id') $$,
  $$ values (tests.carol(), tests.acme(), tests.acme_repository(), 'HEAD') $$,
  'a member''s job belongs to the organization');

insert into private.tiers (name, requests_per_hour) values ('one', 1);
insert into private.accounts (user_id, tier) values (tests.alice(), 'one');
select tests.act_as_http();
select is(
  (select a.verdict from api_create_index_job((select api_key from keys where name = 'alice'), null, 'alice/other') as a),
  'PT429', 'without quota nothing is created');
select tests.act_as_admin();
select is(
  (select count(*)::integer from repositories as r where r.full_name = 'alice/other'), 0,
  'a rejected call creates no repository');
select is(
  (select count(*)::integer from index_jobs), 3, 'a rejected call creates no job');
select is(
  (select a.job_age from answers as a where a.name = 'first'), 0,
  'the response contains the age of the job');

select * from finish();
rollback;
