-- Who asks is the role in force, as PostgREST sets it, whatever its own login may.
begin;
select plan(2);

select tests.arrange_cast();
select set_config('request.jwt.claims', json_build_object('sub', tests.alice())::text, true);
set local role authenticated;
select is(
  (select j.created_by from create_index_job(tests.alice_repository()) as j), tests.alice(),
  'in the role of users a superuser''s session makes jobs for the user of the claims');
select is(
  tests.refusal('select create_index_job(tests.acme_repository())'), 'PT404',
  'and for nobody else');
reset role;

select * from finish();
rollback;
