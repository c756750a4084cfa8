begin;
select plan(10);

select tests.arrange_cast();
select tests.act_as(tests.bob());
select tests.name_id('job', j.id)
from create_index_job(tests.acme_repository(), p_idempotency_key => 'key') as j;

-- bob leaves the organization with the repository; the job stays with the organization
select tests.act_as_admin();
update repositories set organization_id = null, owner_user_id = tests.bob()
where id = tests.acme_repository();
delete from organization_members where user_id = tests.bob();

select tests.act_as(tests.bob());
select is(
  (select count(*)::integer from repositories where id = tests.acme_repository()), 1,
  'a repository may leave its organization with a user who created a job there');
select is(
  tests.refusal($$ select get_job_status(tests.id('job')) $$), 'PT404',
  'the user then no longer finds the job');
select is(
  tests.refusal($$ select get_job_history(tests.id('job')) $$), 'PT404',
  'the user does not find its history');
select is_empty(
  $$ select list_index_jobs(tests.acme()) $$,
  'the user does not find it in the organization''s list');
select is(
  tests.refusal($$ select cancel_index_job(tests.id('job')) $$), 'PT404',
  'the user cannot cancel it');
select is(
  tests.refusal($$ select create_index_job(tests.acme_repository(), p_idempotency_key => 'key') $$),
  'PT404', 'the user does not get it by repeating the request');

create function pg_temp.verdict(p_call text, p_arguments text) returns text language plpgsql as $$
declare
  v_answer private.api_answer;
  v_claims jsonb := jsonb_build_object('sub', tests.bob(), 'role', 'authenticated');
begin
  execute format('select (a).* from (select %s(null, %L, %s) as a) as a',
    p_call, v_claims, p_arguments) into v_answer;
  return concat_ws(' ', v_answer.verdict, v_answer.body);
end;
$$;

select tests.act_as_http();
select is(
  pg_temp.verdict('api_get_job_status', $$ tests.id('job')::text $$), 'PT404',
  'the user does not find it over HTTP');
select is(
  pg_temp.verdict('api_get_job_history', $$ tests.id('job')::text $$), 'PT404',
  'the user does not find its history over HTTP');
select is(
  pg_temp.verdict('api_cancel_index_job', $$ tests.id('job')::text $$), 'PT404',
  'the user cannot cancel it over HTTP');
select is(
  pg_temp.verdict('api_create_index_job',
    $$ 'acme/shop', p_git_base_url => 'https://example.com/', p_idempotency_key => 'key' $$),
  'PT404',
  'the user does not get it by repeating the request over HTTP');

select * from finish();
rollback;
