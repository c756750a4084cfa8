begin;
select plan(12);

-- the clock is a day ahead, then it is corrected
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
  (pg_temp.job('leased')).lease_expires_at, '2030-01-01 12:00:15Z', 'a lease keeps its length');
select is((pg_temp.job('leased')).heartbeat_at, '2030-01-01 12:00Z',
  'a lease starts at the current time');
select results_eq(
  $$ select (pg_temp.job('silent')).heartbeat_at, (pg_temp.job('silent')).lease_expires_at $$,
  $$ values (timestamptz '2030-01-01 12:00Z', null::timestamptz) $$,
  'without a lease the last sign of life is the current time');
select results_eq(
  $$ select (pg_temp.job('waiting')).retry_at, (pg_temp.job('handed_back')).retry_at $$,
  $$ values (timestamptz '2030-01-01 12:00:40Z', timestamptz '2030-01-01 12:00Z') $$,
  'a retry keeps its delay');
select results_eq(
  $$ select j.id from index_jobs as j join before as b using (id) where j.version <> b.version
     order by j.version, j.id $$,
  $$ select b.id from before as b where b.id in (tests.id('waiting'), tests.id('handed_back'))
     order by b.version, b.id $$,
  'this is a visible change, and the only one');
select is_empty(
  $$ select from index_jobs as j join before as b using (id)
     where (j.updated_at, j.created_at, j.status, j.started_at)
       is distinct from (b.updated_at, b.created_at, b.status, b.started_at) $$,
  'recorded times stay');
select results_eq(
  $$ select j.* from index_jobs as j where j.id in (tests.id('usual'), tests.id('done'))
     order by j.id $$,
  $$ select b.* from before as b where b.id in (tests.id('usual'), tests.id('done'))
     order by b.id $$,
  'one second ahead is tolerated, and a finished job does not change');
select bag_eq(
  $$ select r.worker_id from private.runners as r where r.worker_id = any (
       array[tests.worker(8), tests.worker(9)]::uuid[]) $$,
  $$ select tests.worker(8)::uuid $$, 'a worker last seen in the future is deleted');

create temp table once as select j.* from index_jobs as j;
select tests.advance_clock('10 seconds');
select private.forget_future();
select set_eq('select j.* from index_jobs as j', 'select o.* from once as o',
  'a second call changes nothing');

select tests.advance_clock('5 seconds');
select tests.act_as_worker();
select results_eq(
  'select s.retried, s.failed, s.cancelled from retry_or_fail_stuck_jobs() as s',
  'values (1, 0, 0)', 'the job of a lost worker is rescued when its lease expires');
select isnt(
  (select j.id from claim_index_job(tests.worker(2), '15 seconds') as j), null,
  'other jobs can be claimed');

select * from finish();
rollback;
