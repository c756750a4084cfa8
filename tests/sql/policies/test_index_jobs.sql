begin;
select plan(13);

select policies_are('public', 'index_jobs', array[
  'index_jobs_select_authenticated',
  'index_jobs_select_workers',
  'index_jobs_all_job_writer'
], 'these are the policies, and no others');

select tests.arrange_cast();
select tests.arrange_job('alice_job');
select tests.arrange_job('acme_job', p_repository_id => tests.acme_repository());

select tests.act_as(tests.alice());
select set_eq(
  'select j.id from index_jobs as j', array[tests.id('alice_job')], 'a user sees their own jobs');
select tests.act_as(tests.bob());
select set_eq(
  'select j.id from index_jobs as j', array[tests.id('acme_job')],
  'an owner sees the jobs of the organization');
select tests.act_as(tests.carol());
select set_eq(
  'select j.id from index_jobs as j', array[tests.id('acme_job')],
  'a member sees the jobs of the organization');
select tests.act_as(tests.dave());
select is_empty('select j.id from index_jobs as j', 'a former member sees no jobs');
select tests.act_as(gen_random_uuid());
select is_empty('select j.id from index_jobs as j', 'a stranger sees no jobs');
select tests.act_with_claims(null);
select is_empty('select j.id from index_jobs as j', 'no jobs are visible without claims');
select tests.act_with_claims('{"sub": "no uuid", "email": "alice@example.com"}');
select is_empty('select j.id from index_jobs as j', 'no jobs are visible with invalid claims');
select tests.act_as_anon();
select is(tests.refusal('select j.id from index_jobs as j'), '42501', 'anon may not read');
select tests.act_as_http();
select is(tests.refusal('select j.id from index_jobs as j'), '42501',
  'the HTTP layer may not read');
select tests.act_as_worker();
select set_eq(
  'select j.id from index_jobs as j', array[tests.id('alice_job'), tests.id('acme_job')],
  'the service sees every job');

select tests.act_as_admin();
update repositories set owner_user_id = tests.bob() where id = tests.alice_repository();
select tests.act_as(tests.alice());
select set_eq(
  'select j.id from index_jobs as j', array[tests.id('alice_job')],
  'the jobs of a transferred repository stay with their owner');
select tests.act_as(tests.bob());
select set_eq(
  'select j.id from index_jobs as j', array[tests.id('acme_job')],
  'the new owner does not see them');

select * from finish();
rollback;
