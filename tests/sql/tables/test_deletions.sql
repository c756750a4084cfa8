begin;
select plan(5);

select tests.arrange_cast();
select tests.arrange_job('own', 'pending', tests.alice_repository());
select tests.act_as(tests.carol());
select tests.name_id('shared', j.id) from create_index_job(tests.acme_repository()) as j;
select tests.act_as_admin();

delete from auth.users where id = tests.alice();
select is_empty(
  $$ select r.full_name from repositories as r where r.full_name = 'alice/app' $$,
  'deleting a user deletes their repositories');
select is_empty(
  $$ select j.id from index_jobs as j where j.id = tests.id('own')
     union all select e.job_id from index_job_events as e where e.job_id = tests.id('own') $$,
  'deleting a user deletes their jobs and history');
delete from auth.users where id = tests.carol();
select results_eq(
  $$ select j.id, j.created_by from index_jobs as j $$,
  $$ values (tests.id('shared'), null::uuid) $$,
  'an organization keeps the jobs of a deleted member');
select is_empty(
  $$ select m.role from organization_members as m where m.user_id = tests.carol() $$,
  'the membership is deleted');
delete from organizations where id = tests.acme();
select is_empty(
  $$ select j.id from index_jobs as j union all select r.id from repositories as r
     union all select m.user_id from organization_members as m $$,
  'deleting an organization deletes members, repositories and jobs');

select * from finish();
rollback;
