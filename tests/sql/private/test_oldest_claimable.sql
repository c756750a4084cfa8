begin;
select plan(9);

select tests.set_clock('2030-01-01 12:00Z');
select tests.arrange_cast();
select tests.arrange_job('linked');
select link_queue_job(tests.id('linked'), gen_random_uuid());
select tests.advance_clock('1 minute');
select is(private.oldest_claimable(), null, 'a job of an external queue cannot be claimed');
select tests.arrange_job('late', 'pending', tests.acme_repository());
select tests.advance_clock('1 minute');
select tests.arrange_job('later');
select is(
  private.oldest_claimable(), timestamptz '2030-01-01 12:01Z',
  'the result is the longest-waiting job of all tenants');
select claim_index_job(tests.worker(1), '10 seconds') from generate_series(1, 2);
select is(private.oldest_claimable(), null, 'a running job is not free');
select tests.advance_clock('15 seconds');
select is(
  private.oldest_claimable(), timestamptz '2030-01-01 12:02:10Z',
  'a job is free when its lease has expired');
select fail_job_attempt(tests.id('late'), 1, 'down'), fail_job_attempt(tests.id('later'), 1, 'down');
select is(private.oldest_claimable(), null, 'a job is not free before its retry_at');
select tests.advance_clock('1 hour');
select is(
  private.oldest_claimable(), (
    select least((tests.job_row('late')).retry_at, (tests.job_row('later')).retry_at)),
  'a job is free from its retry_at on');

select claim_index_job(tests.worker(1), '10 seconds') from generate_series(1, 2);
update index_jobs set queue_job_id = gen_random_uuid() where id in (tests.id('late'), tests.id('later'));
select tests.advance_clock('1 minute');
select is(private.oldest_claimable(), null, 'a job of a queue with an expired lease is not free');
select fail_job_attempt(tests.id('late'), 2, 'down');
select is(private.oldest_claimable(), null, 'a job that failed in the queue is not free');
update index_jobs set status = 'processing', retry_at = private.clock() - interval '1 second'
where id = tests.id('later');
select is(private.oldest_claimable(), null, 'a job that the queue may start again is not free');

select * from finish();
rollback;
