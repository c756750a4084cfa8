begin;
select plan(3);

select tests.arrange_cast();
select tests.arrange_job('job', 'pending', tests.acme_repository());

select tests.act_as(tests.carol());
select is(
  tests.refusal($$ select private.cancel_index_job(tests.id('job')) $$), 'PT403 not_allowed job_id',
  'a member who did not ask for the job may not cancel it');
select tests.act_as(tests.alice());
select is(
  tests.refusal($$ select private.cancel_index_job(tests.id('job')) $$), 'PT404', 'nor a stranger');
select tests.act_as_admin();
update organization_members set role = 'admin' where user_id = tests.carol();
select tests.act_as(tests.carol());
select is(
  tests.refusal($$ select private.cancel_index_job(tests.id('job')) $$), 'accepted',
  'an admin of the organization may');

select * from finish();
rollback;
