begin;
select plan(12);

-- the clock is a day ahead, and then put right
select tests.arrange_cast();
select tests.set_clock('2030-01-02 12:00Z');
select tests.arrange_job('leased');
select tests.act_as_worker();
select is(
  (select j.id from claim_index_job(tests.worker(1), '15 seconds') as j), tests.id('leased'),
  'a worker has a job for 15 seconds');
select tests.act_as_admin();
select tests.arrange_job('silent', 'processing');
select tests.arrange_job('waiting', 'processing');
select tests.arrange_job('handed_back', 'processing');
select tests.arrange_job('usual', 'processing');
select tests.arrange_job('done', 'completed');
update index_jobs set heartbeat_at = private.clock(), updated_at = private.clock(), lease_expires_at = null, retry_at = null
where id = tests.id('silent');
update index_jobs set heartbeat_at = null, updated_at = private.clock(), lease_expires_at = null,
  retry_at = private.clock() + interval '40 seconds'
where id = tests.id('waiting');
update index_jobs set heartbeat_at = null, updated_at = private.clock(), lease_expires_at = null,
  retry_at = private.clock()
where id = tests.id('handed_back');
update index_jobs set heartbeat_at = '2030-01-01 12:00:01Z', updated_at = '2030-01-01 12:00:01Z',
  lease_expires_at = '2030-01-01 12:00:31Z', retry_at = null
where id = tests.id('usual');
update index_jobs set heartbeat_at = private.clock() where id = tests.id('done');
insert into private.runners (worker_id, seen_at) values
  (tests.worker(8)::uuid, '2030-01-01 12:00:01Z'), (tests.worker(9)::uuid, '2030-01-02 12:00Z');
create temp table before as select j.* from index_jobs as j;
grant select on before to public;
select tests.set_clock('2030-01-01 12:00Z');
select private.forget_future();

create function pg_temp.job(p_name text) returns index_jobs language sql as
$$ select j from index_jobs as j where j.id = tests.id(p_name) $$;

select is(
  (pg_temp.job('leased')).lease_expires_at, '2030-01-01 12:00:15Z', 'a lease has its own length');
select is((pg_temp.job('leased')).heartbeat_at, '2030-01-01 12:00Z', 'and begins now');
select results_eq(
  $$ select (pg_temp.job('silent')).heartbeat_at, (pg_temp.job('silent')).lease_expires_at $$,
  $$ values (timestamptz '2030-01-01 12:00Z', null::timestamptz) $$,
  'a sign of life without a lease is one of now');
select results_eq(
  $$ select (pg_temp.job('waiting')).retry_at, (pg_temp.job('handed_back')).retry_at $$,
  $$ values (timestamptz '2030-01-01 12:00:40Z', timestamptz '2030-01-01 12:00Z') $$,
  'the wait for a retry has its own length');
select results_eq(
  $$ select j.id from index_jobs as j join before as b using (id) where j.version <> b.version
     order by j.version, j.id $$,
  $$ select b.id from before as b where b.id in (tests.id('waiting'), tests.id('handed_back'))
     order by b.version, b.id $$,
  'which is a visible change, and nothing else is');
select is_empty(
  $$ select from index_jobs as j join before as b using (id)
     where (j.updated_at, j.created_at, j.status, j.started_at)
       is distinct from (b.updated_at, b.created_at, b.status, b.started_at) $$,
  'what happened stays where it was');
select results_eq(
  $$ select j.* from index_jobs as j where j.id in (tests.id('usual'), tests.id('done'))
     order by j.id $$,
  $$ select b.* from before as b where b.id in (tests.id('usual'), tests.id('done'))
     order by b.id $$,
  'a second ahead is no time ahead, and a job that ended stays');
select bag_eq(
  $$ select r.worker_id from private.runners as r where r.worker_id = any (
       array[tests.worker(8), tests.worker(9)]::uuid[]) $$,
  $$ select tests.worker(8)::uuid $$, 'a worker that was seen ahead is forgotten');

create temp table once as select j.* from index_jobs as j;
select tests.advance_clock('10 seconds');
select private.forget_future();
select set_eq('select j.* from index_jobs as j', 'select o.* from once as o',
  'what was moved back once is not moved again');

select tests.advance_clock('5 seconds');
select tests.act_as_worker();
select results_eq(
  'select s.retried, s.failed, s.cancelled from retry_or_fail_stuck_jobs() as s',
  'values (1, 0, 0)', 'so the job of a lost worker is rescued once its lease is over');
select isnt(
  (select j.id from claim_index_job(tests.worker(2), '15 seconds') as j), null,
  'and others are claimed');

select * from finish();
rollback;
