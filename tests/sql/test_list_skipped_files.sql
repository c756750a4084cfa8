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
  'the skipped files come as they were met, with the job and the commit');
select results_eq(
  $$ select k.path from list_skipped_files(tests.alice_repository(), 'binary') as k $$,
  $$ values ('src/z.bin'), ('src/a.bin') $$, 'or those with one reason');
select is_empty(
  $$ select k.path from list_skipped_files(tests.alice_repository(), 'bin%') as k $$,
  'whose name is no pattern');
select results_eq(
  $$ select k.path from list_skipped_files(tests.alice_repository(), 'binary', p_limit => 1) as k $$,
  $$ values ('src/z.bin') $$, 'no more than the limit');
select results_eq(
  $$ select k.path from list_skipped_files(tests.alice_repository(), 'binary', (
       select c.cursor
       from list_skipped_files(tests.alice_repository(), 'binary', p_limit => 1) as c)) as k $$,
  $$ values ('src/a.bin') $$, 'the cursor of the last row leads on');
select is(
  tests.refusal('select list_skipped_files(tests.alice_repository(), p_limit => 0)'),
  'PT422 invalid_limit limit', 'a page is bounded');
select is(
  tests.refusal($$ select list_skipped_files(tests.alice_repository(), p_cursor => 'x') $$),
  'PT422 invalid_cursor cursor', 'a cursor is one of ours');
select is(
  tests.refusal('select list_skipped_files(tests.acme_repository())'), 'PT404',
  'a repository of others is none');
select tests.act_as(tests.carol());
select is(
  (select count(*)::integer from list_skipped_files(tests.acme_repository()) as k
   where k.path like 'shop/%'), 3, 'a member sees the organization''s');
select tests.act_as(tests.dave());
select is(
  tests.refusal('select list_skipped_files(tests.acme_repository())'), 'PT404',
  'a former member sees none');
select tests.act_as_anon();
select is(
  tests.refusal('select list_skipped_files(tests.alice_repository())'), '42501',
  'anon may not ask');
select tests.act_as_admin();
delete from indexed_commits;
select tests.act_as(tests.alice());
select is(
  tests.refusal('select list_skipped_files(tests.alice_repository())'), 'PT409 not_completed',
  'before the first index there is a refusal, not an empty page');

select * from finish();
rollback;
