begin;
select plan(12);

select tests.arrange_cast();
select tests.arrange_index();
select tests.arrange_index(tests.acme_repository(), 'shop/');

select tests.act_as(tests.alice());
select results_eq(
  $$ select s.name, s.kind, s.path, s.language, s.start_line, s.end_line, s.parent, s.job_id,
       s.commit_sha
     from find_symbols(tests.alice_repository(), 'sell') as s $$,
  $$ values
       ('sell', 'method', 'src/a.py', 'Python', 2, 3, 'Shop', tests.indexed_by(), repeat('c', 40)),
       ('sell', 'function', 'src/b.py', 'Python', 1, 2, null, tests.indexed_by(),
         repeat('c', 40)) $$,
  'a name finds symbols with exactly this name, with job and commit');
select results_eq(
  $$ select s.name, s.path from find_symbols(tests.alice_repository(), p_prefix => 'sell') as s $$,
  $$ values ('sell', 'src/a.py'), ('sell', 'src/b.py'), ('sell_all', 'src/a.py') $$,
  'a prefix finds symbols that start with it, by name');
select results_eq(
  'select s.name from find_symbols(tests.alice_repository()) as s',
  $$ values ('Shop'), ('s_ll'), ('sell'), ('sell'), ('sell_all') $$,
  'without either all symbols are returned, in order of code points');
select results_eq(
  $$ select s.name from find_symbols(tests.alice_repository(), p_prefix => '') as s
     except all select s.name from find_symbols(tests.alice_repository()) as s $$,
  'select null::text where false', 'an empty prefix means no prefix');
select is(
  tests.refusal($$ select find_symbols(tests.alice_repository(), 'a', 'a') $$),
  'PT422 name_and_prefix prefix', 'name and prefix exclude each other');
select is(
  tests.refusal('select find_symbols(tests.alice_repository(), p_limit => 101)'),
  'PT422 invalid_limit limit', 'the page size is limited');
select is(
  tests.refusal($$ select find_symbols(tests.alice_repository(), p_cursor => 'x') $$),
  'PT422 invalid_cursor cursor', 'an invalid cursor is rejected');
select is(
  tests.refusal($$ select find_symbols(tests.acme_repository(), 'sell') $$), 'PT404',
  'a foreign repository is not found');
select tests.act_as(tests.carol());
select is(
  (select array_agg(s.path) from find_symbols(tests.acme_repository(), 'sell') as s),
  array['shop/a.py', 'shop/b.py'], 'a member sees the organization''s symbols and no others');
select tests.act_as(tests.dave());
select is(
  tests.refusal($$ select find_symbols(tests.acme_repository(), 'sell') $$), 'PT404',
  'a former member sees none');
select tests.act_as_anon();
select is(
  tests.refusal('select find_symbols(tests.alice_repository())'), '42501', 'anon may not call it');
select tests.act_as_admin();
delete from indexed_commits;
select tests.act_as(tests.alice());
select is(
  tests.refusal('select find_symbols(tests.alice_repository())'), 'PT409 not_completed',
  'before the first index the call is rejected instead of returning an empty page');

select * from finish();
rollback;
