-- What RLS decides for explain_index_job, this one decides again by the claims.
begin;
select plan(7);

select tests.arrange_cast();
select tests.arrange_job('alice_job');
select tests.arrange_job('acme_job', p_repository_id => tests.acme_repository());

update index_jobs set created_by = tests.dave() where id = tests.id('acme_job');

select tests.act_as(tests.alice());
select is(
  tests.refusal($$ select private.explain_index_job(tests.id('alice_job')) $$), 'accepted',
  'the owner is answered');
select is(
  tests.refusal($$ select private.explain_index_job(tests.id('acme_job')) $$), 'PT404',
  'another tenant is not');
select tests.act_as(tests.carol());
select is(
  tests.refusal($$ select private.explain_index_job(tests.id('acme_job')) $$), 'accepted',
  'a member is');
select is(
  tests.refusal($$ select private.explain_index_job(tests.id('alice_job')) $$), 'PT404',
  'for the jobs of the organization');
select tests.act_as(tests.dave());
select is(
  tests.refusal($$ select private.explain_index_job(tests.id('acme_job')) $$), 'PT404',
  'a former member is not, of his own job either');
select tests.act_with_claims(null);
select is(
  tests.refusal($$ select private.explain_index_job(tests.id('alice_job')) $$), 'PT404',
  'nor is anybody without claims');
select tests.act_as_anon();
select is(
  tests.refusal($$ select private.explain_index_job(tests.id('alice_job')) $$), '42501',
  'anon may not ask');

select * from finish();
rollback;
