begin;
select plan(9);

select tests.set_clock('2030-01-01 12:00Z');
select tests.arrange_cast();
select tests.arrange_job('linked');
select link_queue_job(tests.id('linked'), gen_random_uuid());
select tests.advance_clock('1 minute');
select is(private.oldest_claimable(), null, 'a job of an external queue is not for claims');
select tests.arrange_job('late', 'pending', tests.acme_repository());
select tests.advance_clock('1 minute');
select tests.arrange_job('later');
select is(
  private.oldest_claimable(), timestamptz '2030-01-01 12:01Z',
  'of all tenants the job that waits longest');
select claim_index_job(tests.worker(1), '10 seconds') from generate_series(1, 2);
select is(private.oldest_claimable(), null, 'a job that is worked on is not free');
select tests.advance_clock('15 seconds');
select is(
  private.oldest_claimable(), timestamptz '2030-01-01 12:02:10Z', 'it is when its lease is over');
select fail_job_attempt(tests.id('late'), 1, 'down'), fail_job_attempt(tests.id('later'), 1, 'down');
select is(private.oldest_claimable(), null, 'a job that backs off is not free yet');
select tests.advance_clock('1 hour');
select is(
  private.oldest_claimable(), (
    select least((tests.job_row('late')).retry_at, (tests.job_row('later')).retry_at)),
  'it is from its retry_at on');

select claim_index_job(tests.worker(1), '10 seconds') from generate_series(1, 2);
update index_jobs set queue_job_id = gen_random_uuid() where id in (tests.id('late'), tests.id('later'));
select tests.advance_clock('1 minute');
select is(private.oldest_claimable(), null, 'whose lease is over, but a queue has it: not free');
select fail_job_attempt(tests.id('late'), 2, 'down');
select is(private.oldest_claimable(), null, 'nor when it has failed there');
update index_jobs set status = 'processing', retry_at = private.clock() - interval '1 second'
where id = tests.id('later');
select is(private.oldest_claimable(), null, 'nor when the queue may begin it again');

select * from finish();
rollback;
