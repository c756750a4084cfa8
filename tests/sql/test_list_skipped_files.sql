begin;
select plan(12);

select tests.arrange_cast();
select tests.arrange_index();
select tests.arrange_index(tests.acme_repository(), 'shop/');

select tests.act_as(tests.alice());
select results_eq(
  $$ select k.path, k.reason, k.job_id, k.commit_sha
     from list_skipped_files(tests.alice_repository()) as k $$,
  $$ values ('src/z.bin', 'binary', tests.indexed_by(), repeat('c', 40)),
       ('src/lib.js', 'vendored', tests.indexed_by(), repeat('c', 40)),
       ('src/a.bin', 'binary', tests.indexed_by(), repeat('c', 40)) $$,
  'skipped files are listed in the order found, with job and commit');
select results_eq(
  $$ select k.path from list_skipped_files(tests.alice_repository(), 'binary') as k $$,
  $$ values ('src/z.bin'), ('src/a.bin') $$, 'skipped files can be filtered by reason');
select is_empty(
  $$ select k.path from list_skipped_files(tests.alice_repository(), 'bin%') as k $$,
  'a reason is not a pattern');
select results_eq(
  $$ select k.path from list_skipped_files(tests.alice_repository(), 'binary', p_limit => 1) as k $$,
  $$ values ('src/z.bin') $$, 'the limit applies');
select results_eq(
  $$ select k.path from list_skipped_files(tests.alice_repository(), 'binary', (
       select c.cursor
       from list_skipped_files(tests.alice_repository(), 'binary', p_limit => 1) as c)) as k $$,
  $$ values ('src/a.bin') $$, 'the cursor of the last row leads to the next page');
select is(
  tests.refusal('select list_skipped_files(tests.alice_repository(), p_limit => 0)'),
  'PT422 invalid_limit limit', 'the page size is limited');
select is(
  tests.refusal($$ select list_skipped_files(tests.alice_repository(), p_cursor => 'x') $$),
  'PT422 invalid_cursor cursor', 'an invalid cursor is rejected');
select is(
  tests.refusal('select list_skipped_files(tests.acme_repository())'), 'PT404',
  'a foreign repository is not found');
select tests.act_as(tests.carol());
select is(
  (select count(*)::integer from list_skipped_files(tests.acme_repository()) as k
   where k.path like 'shop/%'), 3, 'a member sees the organization''s skipped files');
select tests.act_as(tests.dave());
select is(
  tests.refusal('select list_skipped_files(tests.acme_repository())'), 'PT404',
  'a former member sees none');
select tests.act_as_anon();
select is(
  tests.refusal('select list_skipped_files(tests.alice_repository())'), '42501',
  'anon may not call it');
select tests.act_as_admin();
delete from indexed_commits;
select tests.act_as(tests.alice());
select is(
  tests.refusal('select list_skipped_files(tests.alice_repository())'), 'PT409 not_completed',
  'before the first index the call is rejected instead of returning an empty page');

select * from finish();
rollback;
