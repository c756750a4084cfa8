begin;
select plan(3);

select is(
  private.rollout_bucket(tests.alice()), private.rollout_bucket(tests.alice()),
  'a user always has the same bucket');
select ok(
  (select min(private.rollout_bucket(gen_random_uuid())) >= 0
     and max(private.rollout_bucket(gen_random_uuid())) <= 99 from generate_series(1, 1000)),
  'there are 100 buckets');
select ok(
  (select count(*) filter (where private.rollout_bucket(md5(n::text)::uuid) < 30)
     between 2700 and 3300 from generate_series(1, 10000) as n),
  '30 buckets contain three tenths of the users');

select * from finish();
rollback;
