begin;
select plan(2);

select results_eq(
  $$ select private.metric_bucket(make_interval(secs => b.bound))
     from unnest(array[1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600]) as b (bound) $$,
  $$ select b.bound::double precision
     from unnest(array[1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600]) as b (bound) $$,
  'an upper bound belongs to its bucket');
select results_eq(
  $$ select private.metric_bucket(t.time)
     from (values (1, interval '0'), (2, '1.000001 s'), (3, '3600.000001 s'), (4, null))
       as t (place, time)
     order by t.place $$,
  $$ values (1::double precision), (2), ('Infinity'), (null) $$,
  'longer values go to the next bucket, finally to +Inf, and null to none');

select * from finish();
rollback;
