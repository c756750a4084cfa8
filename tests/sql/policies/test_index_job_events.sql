begin;
select plan(10);

select policies_are('public', 'index_job_events', array[
  'index_job_events_select_authenticated',
  'index_job_events_select_workers',
  'index_job_events_select_job_writer',
  'index_job_events_insert_job_writer'
], 'these are the policies, and no others');

select tests.arrange_cast();
select tests.arrange_job('alice_job');
select tests.arrange_job('acme_job', p_repository_id => tests.acme_repository());

select tests.act_as(tests.alice());
select set_eq(
  'select t.job_id from index_job_events as t', array[tests.id('alice_job')],
  'a user sees the events of their own jobs');
select tests.act_as(tests.bob());
select set_eq(
  'select t.job_id from index_job_events as t', array[tests.id('acme_job')],
  'an owner sees the events of the organization''s jobs');
select tests.act_as(tests.carol());
select set_eq(
  'select t.job_id from index_job_events as t', array[tests.id('acme_job')],
  'a member sees the events of the organization''s jobs');
select tests.act_as(tests.dave());
select is_empty('select t.job_id from index_job_events as t', 'a former member sees no events');
select tests.act_as(gen_random_uuid());
select is_empty('select t.job_id from index_job_events as t', 'a stranger sees no events');
select tests.act_with_claims(null);
select is_empty('select t.job_id from index_job_events as t',
  'no events are visible without claims');
select tests.act_with_claims('{"sub": "no uuid", "email": "alice@example.com"}');
select is_empty('select t.job_id from index_job_events as t',
  'no events are visible with invalid claims');
select tests.act_as_anon();
select is(
  tests.refusal('select t.job_id from index_job_events as t'), '42501',
  'anon may not read');
select tests.act_as_worker();
select set_eq(
  'select t.job_id from index_job_events as t',
  array[tests.id('alice_job'), tests.id('acme_job')], 'the service sees every event');

select * from finish();
rollback;
