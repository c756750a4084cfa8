-- Forty tenants by number; 20 was served last.
begin;
select plan(15);

select tests.arrange_line();
-- the order of turns, as 'number:held'
create function pg_temp.turns(
  p_ready integer[] = '{}', p_is_more_due boolean = false, p_except integer[] = '{}'
) returns text language sql as $$
  select string_agg(left(t.tenant_id::text, 8)::integer || ':' || t.held, ' ' order by t.ordinality)
  from private.order_waiting_tenants('2030-01-01 12:00Z',
    array(select tests.tenant(r) from unnest(p_ready) as r), p_is_more_due,
    array(select tests.tenant(e) from unnest(p_except) as e)
  ) with ordinality as t
$$;

select tests.serve(20);
select is(pg_temp.turns(), null, 'without waiting tenants the result is empty');
select tests.stand_in_line(n) from generate_series(1, 40) as n;
select is(pg_temp.turns(), '21:0', 'the first is the tenant after the one served last');
select tests.serve(40);
select is(pg_temp.turns(), '1:0', 'after the last tenant of the circle comes the first');
select tests.serve(20);
select is(
  pg_temp.turns(p_except => array(select n from generate_series(1, 40) as n where n <> 20)),
  '20:0', 'the tenant served last comes last');

select tests.stand_in_line(n, 1, '1 minute') from generate_series(21, 22) as n;
select is(pg_temp.turns(), '23:0 21:1 22:1',
  'tenants without running jobs come before tenants with one');
select tests.stand_in_line(n, 1, '1 minute') from generate_series(1, 40) as n;
select is(
  pg_temp.turns(),
  '23:1 24:1 25:1 26:1 27:1 28:1 29:1 30:1 31:1 32:1 33:1 34:1 35:1 36:1 21:2 22:2',
  'sixteen tenants are compared, fewest running jobs first, then by position');
select tests.stand_in_line(30, 1, '1 minute') from generate_series(1, 40) as n;
select matches(pg_temp.turns(), ' 30:32$', 'at most 32 running jobs of a tenant are counted');
select is(
  pg_temp.turns(p_except => array[22, 23, 24, 26]),
  '25:1 27:1 28:1 29:1 31:1 32:1 33:1 34:1 35:1 36:1 37:1 38:1 39:1 40:1 21:2 30:32',
  'an excluded tenant is left out');

select is(
  (select count(*)::integer from private.order_waiting_tenants('2030-01-01 12:00Z', '{}', false,
    '{}', p_window => 17)), 17, 'the number of compared tenants can be set');
delete from index_jobs where left(tenant_id::text, 8) = '00000025' and status = 'processing';
select is(
  (select string_agg(left(t.tenant_id::text, 8)::integer || ':' || t.held, ' ' order by t.ordinality)
  from private.order_waiting_tenants('2030-01-01 12:00Z', '{}', false, '{}', 6, true)
    with ordinality as t), '25:0 23:1 24:1 26:1 21:2 22:2',
  'on request the search continues to the first tenant without running jobs');

delete from index_jobs where status = 'pending' or left(tenant_id::text, 8) = '00000021';
select is(pg_temp.turns(), null, 'a tenant whose jobs all run does not wait');
select tests.stand_in_line(n, 1, p_retry => '1 second') from generate_series(21, 22) as n;
select tests.stand_in_line(23, 1, p_retry => '0');
select is(pg_temp.turns(), null, 'a retry alone is not a free job');
select is(
  pg_temp.turns(p_is_more_due => true), '23:1',
  'a due retry is free if more retries are due than are named');
select tests.stand_in_line(21), tests.stand_in_line(21, 1, '1 minute');
select is(pg_temp.turns(), '21:1', 'a pending job beside a retry is free');
select is(
  pg_temp.turns(p_ready => array[24, 20, 22, 24]), '21:1 24:1 20:1 22:2',
  'each tenant named as ready is included once');
select * from finish();
rollback;
