begin;
select plan(15);

select tests.arrange_cast();

select tests.act_as(tests.bob());
select tests.name_id('job', j.id)
from create_index_job(tests.acme_repository(), 'HEAD', repeat('a', 40), 'key') as j;
select is(
  (select j.id from create_index_job(
    tests.acme_repository(), p_commit_sha => repeat('A', 40), p_idempotency_key => 'key') as j),
  tests.id('job'), 'the same key and request return the same job, in any spelling');
select is(
  tests.refusal($$ select create_index_job(
    tests.acme_repository(), 'main', repeat('a', 40), 'key') $$),
  'PT422 idempotency_key_reused idempotency_key', 'the same key with another ref is rejected');
select is(
  tests.refusal($$ select create_index_job(tests.acme_repository(), 'HEAD', null, 'key') $$),
  'PT422 idempotency_key_reused idempotency_key', 'the same key with another commit is rejected');
select isnt(
  (select j.id from create_index_job(
    tests.acme_repository(), 'HEAD', repeat('a', 40), 'another-key') as j),
  tests.id('job'), 'another key gives another job');
select isnt(
  (select j.id from create_index_job(tests.acme_repository()) as j),
  (select j.id from create_index_job(tests.acme_repository()) as j),
  'without a key each request gives another job');
select is(
  tests.refusal($$ select create_index_job(tests.acme_repository(), p_idempotency_key => '') $$),
  'PT422 invalid_idempotency_key idempotency_key', 'a key may not be empty');
select is(
  tests.refusal($$ select create_index_job(tests.acme_repository(), p_idempotency_key => 'a b') $$),
  'PT422 invalid_idempotency_key idempotency_key', 'a key may not contain a space');
select is(
  tests.refusal($$ select create_index_job(
    tests.acme_repository(), p_idempotency_key => repeat('k', 256)) $$),
  'PT422 invalid_idempotency_key idempotency_key', 'a key has at most 255 characters');

select tests.act_as(tests.carol());
select isnt(
  (select j.id from create_index_job(
    tests.acme_repository(), 'HEAD', repeat('a', 40), 'key') as j),
  tests.id('job'), 'keys of other users are independent');

select tests.act_as_worker();
select tests.name_id('service_job', j.id)
from create_index_job(tests.acme_repository(), p_idempotency_key => 'key') as j;
select is(
  (select j.id from create_index_job(tests.acme_repository(), p_idempotency_key => 'key') as j),
  tests.id('service_job'), 'keys of the service are independent');
select is(
  tests.refusal($$ select update_job_status(tests.id('job'), 'cancelled') $$),
  'accepted', 'the first job ends');
select tests.act_as(tests.bob());
select is(
  (select j.status::text from create_index_job(
    tests.acme_repository(), 'HEAD', repeat('a', 40), 'key') as j),
  'cancelled', 'a late repeat returns the job in its current state');


select tests.act_as_admin();
update repositories set organization_id = null, owner_user_id = tests.alice()
where id = tests.acme_repository();
update repositories set owner_user_id = null, organization_id = tests.acme()
where id = tests.alice_repository();
select tests.act_as(tests.alice());
select tests.name_id('alices', j.id)
from create_index_job(tests.acme_repository(), p_idempotency_key => 'key') as j;
select tests.act_as_admin();
update index_jobs set owner_user_id = null, organization_id = tests.acme()
where id = tests.id('alices');
select tests.act_as(tests.alice());
select is(
  tests.refusal($$ select get_job_status(tests.id('alices')) $$), 'PT404',
  'a job may become invisible to the user who created it');
select is(
  tests.refusal($$ select create_index_job(tests.acme_repository(), p_idempotency_key => 'key') $$),
  'PT404', 'its key then no longer returns it');

select tests.act_as_admin();
select is(
  (select count(*)::integer from index_job_events as e
   where e.job_id in (tests.id('job'), tests.id('service_job'))),
  3, 'no repeat writes an event');

select * from finish();
rollback;
