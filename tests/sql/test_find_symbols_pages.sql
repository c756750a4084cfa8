-- Pages of find_symbols, and unusual names.
begin;
select plan(9);

select tests.arrange_cast();
select tests.arrange_index();
create function pg_temp.page(p_name text, p_prefix text, p_after integer, p_limit integer)
returns text language sql as $$
  select string_agg(s.name || ' ' || right(s.path, 4), ', ')
  from find_symbols(tests.alice_repository(), p_name, p_prefix, (
    select c.cursor from find_symbols(tests.alice_repository(), p_name, p_prefix) as c
    offset p_after - 1 limit 1), p_limit) as s
$$;

select tests.act_as(tests.alice());
select is(pg_temp.page('sell', null, 1, 20), 'sell b.py', 'a page by name starts at its cursor');
select is(
  pg_temp.page(null, 'sell', 1, 1), 'sell b.py',
  'a page by prefix starts at its cursor, even within a name');
select is(pg_temp.page(null, 'sell', 2, 20), 'sell_all a.py',
  'a page by prefix can start at the next name');
select is(pg_temp.page(null, null, 1, 2), 's_ll a.py, sell a.py',
  'a page of all symbols starts at its cursor');
select is(pg_temp.page(null, 'sell', 3, 20), null, 'after the last symbol the page is empty');
select is(
  (select array_agg(s.name) from find_symbols(
     tests.alice_repository(), p_prefix => 'sell', p_cursor => private.row_cursor('a', 99)) as s),
  array['sell', 'sell', 'sell_all'], 'a cursor before the prefix leads to its first symbol');
select is_empty(
  $$ select s.name from find_symbols(
       tests.alice_repository(), p_prefix => 'Shop', p_cursor => private.row_cursor('z', 0)) as s $$,
  'a cursor after the prefix leads to an empty page');

select tests.act_as_admin();
create temp table hostile as
select n.name from unnest(array[
  's%', 's_', 's\', '''; drop table symbols', e'a\nb', u&'\202Eevil', '<b>', '', ' ', 'É', 'e',
  u&'\D7FFx', u&'\FFFFx', u&'\+10FFFF', u&'\+10FFFF\+10FFFFx', repeat('long', 600)]) as n (name);
grant select on hostile to authenticated;
insert into symbols (repository_id, file_id, name, kind, start_line, end_line)
select f.repository_id, f.id, h.name, 'function', 1, 1
from hostile as h
join indexed_files as f on f.repository_id = tests.alice_repository() and f.path = 'src/a.py';
select tests.act_as(tests.alice());
select is_empty(
  $$ select h.name from hostile as h
     where array[h.name] is distinct from (
       select array_agg(s.name) from find_symbols(tests.alice_repository(), h.name) as s) $$,
  'each name finds itself and nothing else');
select is_empty(
  $$ select h.name from hostile as h
     where (
       select array_agg(s.name) from find_symbols(tests.alice_repository(), null, h.name, null, 100)
         as s)
     is distinct from (
       select array_agg(s.name order by s.name collate "C", s.id) from symbols as s
       where starts_with(s.name, h.name)) $$,
  'each name as a prefix finds the names that start with it, whatever it contains');

select * from finish();
rollback;
