begin;
select plan(5);

select tests.arrange_cast();
update repositories set organization_id = null, owner_user_id = tests.bob()
where id = tests.acme_repository();
select tests.arrange_job('bobs_pending', 'pending', tests.acme_repository());
select tests.arrange_job('bobs_completed', 'completed', tests.acme_repository());
update repositories set organization_id = tests.acme(), owner_user_id = null
where id = tests.acme_repository();
select tests.arrange_job('acmes_pending', 'pending', tests.acme_repository());
select tests.arrange_job('acmes_completed', 'completed', tests.acme_repository());

select tests.act_as(tests.bob());
select set_eq(
  $$ select j.id from list_index_jobs(tests.acme(), tests.acme_repository()) as j $$,
  array[tests.id('acmes_pending'), tests.id('acmes_completed')],
  'an organization''s list has only its own jobs of a repository, not those of the previous owner');
select set_eq(
  $$ select j.id from unnest(array['pending', 'completed']) as s
     cross join lateral list_index_jobs(tests.acme(), tests.acme_repository(), s) as j $$,
  array[tests.id('acmes_pending'), tests.id('acmes_completed')], 'this holds for every status');
select set_eq(
  $$ select j.id from list_index_jobs(p_repository_id => tests.acme_repository()) as j $$,
  array[tests.id('bobs_pending'), tests.id('bobs_completed')],
  'the previous owner still has their own jobs');
select tests.act_as(tests.carol());
select is_empty(
  $$ select j.id from list_index_jobs(p_repository_id => tests.acme_repository()) as j $$,
  'other members do not see these');
select tests.name_id('carols', j.id) from create_index_job(tests.acme_repository()) as j;
select is_empty(
  'select j.id from list_index_jobs() as j',
  'a job that a member requested belongs to the organization and is not in the member''s list');

select * from finish();
rollback;
