begin;
select plan(6);

select tests.arrange_cast();
select tests.arrange_job('job', 'processing');
create function pg_temp.verdict(p_current integer, p_attempt integer) returns text
language sql as $$
  select tests.refusal(format(
    'select private.check_attempt(j, %L) from (select (jsonb_populate_record(j, %L)).* '
    'from index_jobs as j) as j', p_attempt, jsonb_build_object('attempt', p_current)));
$$;

select is(pg_temp.verdict(1, 1), 'accepted', 'the current attempt is accepted');
select is(pg_temp.verdict(1, null), 'accepted', 'the first attempt needs no number');
select is(pg_temp.verdict(0, null), 'accepted', 'a job that has not begun needs no number');
select is(pg_temp.verdict(2, 1), 'PT409 stale_attempt attempt', 'an older attempt is rejected');
select is(pg_temp.verdict(1, 2), 'PT409 stale_attempt attempt', 'a future attempt is rejected');
select is(
  pg_temp.verdict(2, null), 'PT409 attempt_required attempt',
  'from the second attempt on the number is required');

select * from finish();
rollback;
