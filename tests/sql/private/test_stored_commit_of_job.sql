begin;
select plan(4);

select tests.arrange_cast();
select tests.arrange_index();
select tests.arrange_job('job');
select tests.arrange_job('theirs', p_repository_id => tests.acme_repository());
grant execute on function private.stored_commit_of_job(text) to authenticated;
grant execute on function private.parse_uuid(text) to authenticated;

select tests.act_as(tests.alice());
select is(
  (select c.job_id from private.stored_commit_of_job(tests.id('job')::text) as c),
  tests.indexed_by(), 'a job leads to the result of its repository, whichever job stored it');
select is(
  tests.refusal('select private.stored_commit_of_job(tests.id(''theirs'')::text)'), 'PT404',
  'a foreign job is not found');
select is(tests.refusal($$ select private.stored_commit_of_job('x') $$), 'PT404',
  'text that is not an id is not found');
select tests.act_as_admin();
update repositories as r set owner_user_id = tests.bob() where r.id = tests.alice_repository();
select tests.act_as(tests.alice());
select is(
  tests.refusal('select private.stored_commit_of_job(tests.id(''job'')::text)'), 'PT404',
  'a job does not show the result of a repository that was transferred');

select * from finish();
rollback;
