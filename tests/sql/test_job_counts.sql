begin;
select plan(13);

select tests.arrange_cast();
select tests.set_clock('2030-01-01 12:00Z');
select tests.arrange_job('old');
select tests.arrange_job('old_done', 'completed');
select tests.set_clock('2030-01-05 12:00Z');
select tests.arrange_job('waiting');
select tests.arrange_job('running', 'processing');
select tests.arrange_job('cancelled', 'cancelled');
select tests.arrange_job('never_begun', 'failed');
create function pg_temp.ended(p_status text, p_wait interval, p_duration interval)
returns void language sql as $$
  insert into index_jobs (id, repository_id, repository, owner_user_id, status, attempt, created_at,
    started_at, completed_at, error_message, updated_at)
  values (gen_random_uuid(), tests.alice_repository(), 'x', tests.alice(), p_status::job_status, 1,
    private.clock(), private.clock() + p_wait, private.clock() + p_wait + p_duration,
    case p_status when 'failed' then 'x' end, private.clock())
$$;
select pg_temp.ended('completed', '1 second', '10 seconds'),
  pg_temp.ended('completed', '3 seconds', '30 seconds'),
  pg_temp.ended('failed', '9 seconds', '70 seconds');
select tests.set_clock('2030-01-01 12:00Z');
select pg_temp.ended('failed', '20 seconds', '200 seconds');
select tests.set_clock('2030-01-05 12:00Z');
select tests.arrange_job('theirs', p_repository_id => tests.acme_repository());
create function pg_temp.counts(p_organization_id uuid default null, p_since timestamptz default null)
returns text language sql as $$
  select concat_ws(' ', c.pending, c.processing, c.completed, c.failed, c.cancelled)
  from job_counts(p_organization_id, p_since) as c
$$;

select tests.act_as(tests.alice());
select is(
  pg_temp.counts(), '2 1 2 2 1',
  'unfinished jobs are counted, and finished ones created within 24 hours');
select is(
  pg_temp.counts(null, '2030-01-01 12:00Z'), '2 1 3 3 1', 'the start of the period can be given');
select results_eq(
  'select c.oldest_pending_at, c.wait_p50, c.wait_p95, c.duration_p50, c.duration_p95
   from job_counts() as c',
  $$ values (timestamptz '2030-01-01 12:00Z', 3::double precision, 8.4::double precision,
       30::double precision, 66::double precision) $$,
  'wait times and durations cover jobs that started');
select is(
  tests.refusal($$ select job_counts(null, '2029-12-06 11:59:59Z') $$), 'PT422 invalid_since since',
  'at most 30 days are counted');
select is(
  tests.refusal($$ select job_counts(null, '2029-12-06 12:00Z') $$), 'accepted', '30 days are');
select is(
  pg_temp.counts(tests.acme()), '0 0 0 0 0', 'a foreign organization has no counts');

select tests.act_as(tests.carol());
select is(pg_temp.counts(tests.acme()), '1 0 0 0 0', 'a member sees the organization''s counts');
select results_eq(
  'select c.oldest_pending_at, c.wait_p50, c.duration_p95 from job_counts() as c',
  'values (null::timestamptz, null::double precision, null::double precision)',
  'her own counts are empty');
select tests.act_as(tests.dave());
select is(pg_temp.counts(tests.acme()), '0 0 0 0 0', 'a former member sees no counts');
select tests.act_with_claims(null);
select is(pg_temp.counts(), '0 0 0 0 0', 'without claims there are no counts');
select tests.act_as_anon();
select is(tests.refusal('select job_counts()'), '42501', 'anon may not call it');

select tests.act_as_worker();
select results_eq(
  'select c.pending, c.processing, c.completed, c.failed, c.cancelled, c.wait_p50, c.duration_p95
   from job_counts(tests.acme()) as c',
  'values (1, 0, 0, 0, 0, null::double precision, null::double precision)',
  'the service counts only the jobs of the scope, although it sees all');

select tests.act_as_admin();
insert into index_jobs (id, repository_id, repository, owner_user_id, created_at, updated_at)
select gen_random_uuid(), tests.alice_repository(), 'x', tests.alice(), private.clock(), private.clock()
from generate_series(1, 1100);
select tests.act_as(tests.alice());
select is(pg_temp.counts(), '1000 1 2 2 1', 'a count stops at 1,000');

select * from finish();
rollback;
