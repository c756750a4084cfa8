-- The caller is the current role, as PostgREST sets it, whatever the rights of the login.
begin;
select plan(2);

select tests.arrange_cast();
select set_config('request.jwt.claims', json_build_object('sub', tests.alice())::text, true);
set local role authenticated;
select is(
  (select j.created_by from create_index_job(tests.alice_repository()) as j), tests.alice(),
  'as a user role, a superuser''s session creates jobs for the user of the claims');
select is(
  tests.refusal('select create_index_job(tests.acme_repository())'), 'PT404',
  'it creates jobs for no other user');
reset role;

select * from finish();
rollback;
