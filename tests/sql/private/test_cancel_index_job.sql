begin;
select plan(6);

select tests.arrange_cast();
select tests.arrange_job('job', 'pending', tests.acme_repository());

select tests.act_as(tests.carol());
select is(
  tests.refusal($$ select private.cancel_index_job(tests.id('job')) $$), 'PT403 not_allowed job_id',
  'a member may not cancel a job that another member requested');
select tests.act_as(tests.alice());
select is(
  tests.refusal($$ select private.cancel_index_job(tests.id('job')) $$), 'PT404',
  'a stranger may not cancel it');
select tests.act_as_admin();
update organization_members set role = 'admin' where user_id = tests.carol();
select tests.act_as(tests.carol());
select is(
  tests.refusal($$ select private.cancel_index_job(tests.id('job')) $$), 'accepted',
  'an admin of the organization may cancel it');


select tests.act_as_admin();
select tests.arrange_job('made', 'pending', tests.acme_repository());
update index_jobs set created_by = tests.carol() where id = tests.id('made');
insert into organizations (id, slug, name)
values ('00000000-0000-4000-8000-0000000000e1', 'other', 'Other');
insert into organization_members (organization_id, user_id, role)
values ('00000000-0000-4000-8000-0000000000e1', tests.alice(), 'owner');
select tests.act_as(tests.alice());
select is(
  tests.refusal($$ select private.cancel_index_job(tests.id('made')) $$), 'PT404',
  'an owner of another organization may not cancel it');
select tests.act_as_admin();
delete from organization_members where user_id = tests.carol();
select tests.act_as(tests.carol());
select is(
  tests.refusal($$ select private.cancel_index_job(tests.id('made')) $$), 'PT404',
  'a creator who is no longer a member may not cancel it');
select tests.act_as_admin();
insert into organization_members (organization_id, user_id) values (tests.acme(), tests.carol());
select tests.act_as(tests.carol());
select is(
  tests.refusal($$ select private.cancel_index_job(tests.id('made')) $$), 'accepted',
  'a creator who is a member may cancel it');

select * from finish();
rollback;
