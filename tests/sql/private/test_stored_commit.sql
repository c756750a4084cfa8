begin;
select plan(6);

select tests.arrange_cast();
select tests.arrange_index();

select tests.act_as(tests.alice());
select results_eq(
  $$ select c.repository_id, c.job_id, c.commit_sha
     from private.stored_commit(tests.alice_repository()) as c $$,
  $$ values (tests.alice_repository(), tests.indexed_by(), repeat('c', 40)) $$,
  'the owner gets the job whose result is stored');
select is(
  tests.refusal('select private.stored_commit(tests.acme_repository())'), 'PT404',
  'a foreign repository is not found');
select is(tests.refusal('select private.stored_commit(null)'), 'PT404', 'null is not found');
select tests.act_as(tests.bob());
select is(
  tests.refusal('select private.stored_commit(tests.alice_repository())'), 'PT404',
  'a foreign repository with an index is not found');
select is(
  tests.refusal('select private.stored_commit(tests.acme_repository())'), 'PT409 not_completed',
  'an own repository without an index is reported as such');
select tests.act_as_worker();
select is(
  (select c.job_id from private.stored_commit(tests.alice_repository()) as c),
  tests.indexed_by(), 'the service may read any repository');

select * from finish();
rollback;
