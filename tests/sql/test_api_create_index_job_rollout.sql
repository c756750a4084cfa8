-- p_tracking_percent: the percentage of users who get the job in the response.
begin;
select plan(4);

select tests.arrange_cast();
create function pg_temp.create(p_percent integer) returns private.api_answer
language sql
as $$
  select api_create_index_job(
    null, jsonb_build_object('sub', tests.alice(), 'role', 'authenticated'), 'alice/new',
    p_git_base_url => 'https://example.com/', p_tracking_percent => p_percent)
$$;
create temp table bucket as select private.rollout_bucket(tests.alice()) as number;
grant select on bucket to public;

select tests.act_as_http();
create temp table answers as
select p.name, (pg_temp.create(p.percent)).*
from bucket as b
cross join lateral (values ('nobody', 0), ('all before', b.number), ('up to this one', b.number + 1),
  ('everybody', 100)) as p (name, percent);
select results_eq(
  $$ select a.name, array(select k from json_object_keys(a.body::json) as k)
     from answers as a order by a.name $$,
  $$ values ('all before', array['runId']), ('everybody', array['jobId', 'runId', 'status']),
       ('nobody', array['runId']), ('up to this one', array['jobId', 'runId', 'status']) $$,
  'users with a bucket below the percentage get the job, others the old response');
select is_empty(
  $$ select a.job_id from answers as a where a.name in ('nobody', 'all before')
     and num_nonnulls(a.job_id, a.job_status, a.job_version, a.job_age) > 0 $$,
  'the old response contains nothing else');
select is(
  (select count(*)::integer from answers as a
   where num_nonnulls(a.job_id, a.job_status, a.job_version, a.job_age) = 4), 2,
   'the new response contains the job''s other fields');
select tests.act_as_admin();
select is(
  (select count(*)::integer from index_jobs as j
   join answers as a on a.body::jsonb ->> 'runId' = j.id::text), 4,
   'a job is created in either case');

select * from finish();
rollback;
