begin;
select plan(4);

select tests.set_clock('2026-03-01 12:00:00.123+00');
create temp table ids as
select n, private.uuid_v7() as id from generate_series(1, 1000) as n;
select is_empty(
  $$ select i.id from ids as i
     where i.id::text !~ '^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$' $$,
  'version and variant are as in RFC 9562');
select set_eq(
  $$ select to_timestamp(('x' || left(replace(i.id::text, '-', ''), 12))::bit(48)::bigint / 1000.0)
     from ids as i $$,
  array[timestamptz '2026-03-01 12:00:00.123+00'], 'it starts with the time in milliseconds');
select is((select count(distinct i.id)::integer from ids as i), 1000, 'all ids are distinct');
select tests.advance_clock('1 millisecond');
select cmp_ok(private.uuid_v7(), '>', (select i.id from ids as i order by i.id desc limit 1),
  'a later id sorts after every earlier one');

select * from finish();
rollback;
