begin;
select plan(4);

select tests.arrange_cast();
select tests.arrange_job('alice_job');
select tests.arrange_job('acme_job', p_repository_id => tests.acme_repository());

select tests.act_as_worker();
select is(
  (select count(e.reason)::integer
  from unnest(array[tests.id('alice_job'), tests.id('acme_job')]) as j (id)
  cross join lateral private.explain_any_job(j.id) as e),
  2, 'the service gets an explanation of every job');
select is(
  tests.refusal($$ select private.explain_any_job(gen_random_uuid()) $$), 'PT404',
  'an unknown job has no explanation');
select tests.act_as(tests.alice());
select is(
  tests.refusal($$ select private.explain_any_job(tests.id('alice_job')) $$), '42501',
  'a user may not call it');
select tests.act_as_http();
select is(
  tests.refusal($$ select private.explain_any_job(tests.id('alice_job')) $$), '42501',
  'the HTTP layer may not call it');

select * from finish();
rollback;
