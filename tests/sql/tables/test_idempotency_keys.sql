begin;
select plan(5);

select tests.arrange_cast();
select tests.act_as(tests.bob());
select tests.name_id('bobs', j.id)
from create_index_job(tests.acme_repository(), p_idempotency_key => 'key') as j;
select tests.act_as(tests.carol());
select tests.name_id('carols', j.id)
from create_index_job(tests.acme_repository(), p_idempotency_key => 'key') as j;
select tests.act_as_worker();
select tests.name_id('service_job', j.id)
from create_index_job(tests.acme_repository(), p_idempotency_key => 'key') as j;

select tests.act_as_admin();
select lives_ok(
  $$ delete from auth.users as u where u.id in (tests.bob(), tests.carol()) $$,
  'users can be deleted whatever idempotency keys they have');
select is(
  (select count(*)::integer from index_jobs as j
   where j.id in (tests.id('bobs'), tests.id('carols'))),
  2, 'their organization keeps their jobs');
select results_eq(
  $$ select k.job_id, k.user_id from private.idempotency_keys as k $$,
  $$ values (tests.id('service_job'), null::uuid) $$, 'the keys are deleted');

select tests.act_as_worker();
select is(
  (select j.id from create_index_job(tests.acme_repository(), p_idempotency_key => 'key') as j),
  tests.id('service_job'), 'the service''s key still returns the service''s job');
select is(
  tests.refusal($$ select update_job_status(tests.id('bobs'), 'cancelled') $$),
  'accepted', 'a job without its user continues');

select * from finish();
rollback;
