begin;
select plan(2);

select set_eq(
  $$ select distinct tests.refusal(format('select private.check_lease(%L)', l))
     from unnest(array['-1 microsecond', '1 day 1 microsecond', '1 month', '1 month -29 days',
       '100 years -36000 days 1 second', '2 days -47 hours']) as l $$,
  array['PT422 invalid_lease lease'], 'a lease may not be negative or longer than a day');
select set_eq(
  $$ select distinct tests.refusal(format('select private.check_lease(%L)', l))
     from unnest(array['0', '30 seconds', '1 day', null]) as l $$,
  array['accepted'], 'null, zero and up to a day are accepted');

select * from finish();
rollback;
