begin;
select plan(12);

select tests.arrange_cast();
select tests.arrange_index();
select tests.arrange_index(tests.acme_repository(), 'shop/');
insert into indexed_files (repository_id, job_id, path, bytes, blob_sha)
values (tests.alice_repository(), gen_random_uuid(), '', 0, 'x');

select tests.act_as(tests.alice());
select results_eq(
  $$ select f.path, f.language, f.bytes, f.blob_sha, f.symbol_count, f.job_id, f.commit_sha
     from list_indexed_files(tests.alice_repository()) as f $$,
  $$ values ('', null, 0::bigint, 'x', null, tests.indexed_by(), repeat('c', 40)),
       ('src/a.py', 'Python', 10, repeat('b', 40), 4, tests.indexed_by(), repeat('c', 40)),
       ('src/b.py', 'Python', 10, repeat('b', 40), 1, tests.indexed_by(), repeat('c', 40)),
       ('src/c.txt', null, 10, repeat('b', 40), null, tests.indexed_by(), repeat('c', 40)) $$,
  'files are listed by path, with their job and commit');
select results_eq(
  'select f.path from list_indexed_files(tests.alice_repository(), p_limit => 2) as f',
  $$ values (''), ('src/a.py') $$, 'the limit applies');
select results_eq(
  $$ select f.path from list_indexed_files(tests.alice_repository(), (
       select c.cursor from list_indexed_files(tests.alice_repository(), p_limit => 2) as c
       offset 1)) as f $$,
  $$ values ('src/b.py'), ('src/c.txt') $$, 'the cursor of the last row leads to the next page');
select is_empty(
  $$ select f.path from list_indexed_files(tests.alice_repository(), (
       select c.cursor from list_indexed_files(tests.alice_repository()) as c offset 3)) as f $$,
  'the last page is empty');
select is(
  tests.refusal('select list_indexed_files(tests.alice_repository(), p_limit => 101)'),
  'PT422 invalid_limit limit', 'the page size is limited');
select is(
  tests.refusal($$ select list_indexed_files(tests.alice_repository(), 'x') $$),
  'PT422 invalid_cursor cursor', 'an invalid cursor is rejected');
select is(
  tests.refusal('select list_indexed_files(tests.acme_repository())'), 'PT404',
  'a foreign repository is not found');
select tests.act_as(tests.carol());
select is(
  (select array_agg(f.path) from list_indexed_files(tests.acme_repository()) as f),
  array['shop/a.py', 'shop/b.py', 'shop/c.txt'], 'a member sees the organization''s files');
select tests.act_as(tests.dave());
select is(
  tests.refusal('select list_indexed_files(tests.acme_repository())'), 'PT404',
  'a former member sees none');
select tests.act_with_claims(null);
select is(
  tests.refusal('select list_indexed_files(tests.alice_repository())'), 'PT404',
  'a caller without claims sees none');
select tests.act_as_anon();
select is(
  tests.refusal('select list_indexed_files(tests.alice_repository())'), '42501',
  'anon may not call it');
select tests.act_as_admin();
delete from indexed_commits as c where c.repository_id = tests.alice_repository();
select tests.act_as(tests.alice());
select is(
  tests.refusal('select list_indexed_files(tests.alice_repository())'), 'PT409 not_completed',
  'before the first index the call is rejected instead of returning an empty page');

select * from finish();
rollback;
