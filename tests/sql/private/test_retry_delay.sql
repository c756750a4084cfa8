begin;
select plan(3);

select tests.act_as_admin();
select results_eq(
  $$ select n, bool_and(private.retry_delay(n) between d / 2 and d)
     from (values (1, interval '5 seconds'), (2, '10 seconds'), (4, '40 seconds'),
       (8, '10 minutes'), (100, '10 minutes')) as v (n, d), generate_series(1, 100)
     group by n order by n $$,
  $$ values (1, true), (2, true), (4, true), (8, true), (100, true) $$,
  'the delay doubles from 5 seconds to 10 minutes, with up to 50 % random jitter');
select cmp_ok(
  (select count(distinct private.retry_delay(1)) from generate_series(1, 100)), '>', 90::bigint,
  'jobs that failed together are not retried together');
select ok(
  (select max(private.retry_delay(1)) - min(private.retry_delay(1)) from generate_series(1, 100))
    > interval '1 second', 'retries are spread widely');

select * from finish();
rollback;
