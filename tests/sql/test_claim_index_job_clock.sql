begin;
select plan(2);

-- the clock was a day ahead when the job was created
select tests.set_clock('2030-01-02 12:00Z');
select tests.arrange_cast();
select tests.arrange_job('job');
select tests.set_clock('2030-01-01 12:00Z');

select tests.act_as_worker();
select results_eq(
  $$ select j.id, j.heartbeat_at, j.lease_expires_at, j.started_at, j.updated_at
     from claim_index_job(tests.worker(1)) as j $$,
  $$ values (tests.id('job'), timestamptz '2030-01-01 12:00Z', timestamptz '2030-01-01 12:00:30Z',
       timestamptz '2030-01-02 12:00Z', timestamptz '2030-01-02 12:00Z') $$,
  'a lease starts at the current time, and events stay in order');
select tests.advance_clock('30 seconds');
select isnt(
  (select j.id from claim_index_job(tests.worker(2)) as j), null,
  'the job of a lost worker is claimed again when the lease expires');

select * from finish();
rollback;
