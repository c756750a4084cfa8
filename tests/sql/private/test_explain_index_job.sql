-- explain_index_job decides by RLS; this function decides by the claims.
begin;
select plan(7);

select tests.arrange_cast();
select tests.arrange_job('alice_job');
select tests.arrange_job('acme_job', p_repository_id => tests.acme_repository());

update index_jobs set created_by = tests.dave() where id = tests.id('acme_job');

select tests.act_as(tests.alice());
select is(
  tests.refusal($$ select private.explain_index_job(tests.id('alice_job')) $$), 'accepted',
  'the owner gets an explanation');
select is(
  tests.refusal($$ select private.explain_index_job(tests.id('acme_job')) $$), 'PT404',
  'another tenant gets none');
select tests.act_as(tests.carol());
select is(
  tests.refusal($$ select private.explain_index_job(tests.id('acme_job')) $$), 'accepted',
  'a member gets one');
select is(
  tests.refusal($$ select private.explain_index_job(tests.id('alice_job')) $$), 'PT404',
  'members get explanations for the organization''s jobs');
select tests.act_as(tests.dave());
select is(
  tests.refusal($$ select private.explain_index_job(tests.id('acme_job')) $$), 'PT404',
  'a former member gets none, even for a job they created');
select tests.act_with_claims(null);
select is(
  tests.refusal($$ select private.explain_index_job(tests.id('alice_job')) $$), 'PT404',
  'a call without claims gets none');
select tests.act_as_anon();
select is(
  tests.refusal($$ select private.explain_index_job(tests.id('alice_job')) $$), '42501',
  'anon may not call it');

select * from finish();
rollback;
