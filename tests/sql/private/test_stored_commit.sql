begin;
select plan(6);

select tests.arrange_cast();
select tests.arrange_index();

select tests.act_as(tests.alice());
select results_eq(
  $$ select c.repository_id, c.job_id, c.commit_sha
     from private.stored_commit(tests.alice_repository()) as c $$,
  $$ values (tests.alice_repository(), tests.indexed_by(), repeat('c', 40)) $$,
  'the owner learns whose result is stored');
select is(
  tests.refusal('select private.stored_commit(tests.acme_repository())'), 'PT404',
  'a repository of others is none');
select is(tests.refusal('select private.stored_commit(null)'), 'PT404', 'nor is no repository');
select tests.act_as(tests.bob());
select is(
  tests.refusal('select private.stored_commit(tests.alice_repository())'), 'PT404',
  'nor is one that has an index');
select is(
  tests.refusal('select private.stored_commit(tests.acme_repository())'), 'PT409 not_completed',
  'an own one without an index says so');
select tests.act_as_worker();
select is(
  (select c.job_id from private.stored_commit(tests.alice_repository()) as c),
  tests.indexed_by(), 'the service reads any');

select * from finish();
rollback;
