begin;
select plan(6);

select tests.arrange_cast();
select tests.arrange_job('job');
select tests.arrange_job('theirs', p_repository_id => tests.acme_repository());
create function pg_temp.ask(
  p_user_id uuid, p_organization text default null, p_since text default null
) returns text language sql as $$
  select concat_ws(' ', a.verdict, a.code, a.field, a.body::json ->> 'pending', a.rate_remaining)
  from api_job_counts(null, jsonb_build_object('sub', p_user_id, 'role', 'authenticated'),
    p_organization, p_since) as a
$$;
select tests.act_as_http();

select is(pg_temp.ask(tests.alice()), 'ok 1 99', 'a user gets counts for one request');
select is(pg_temp.ask(tests.carol(), 'acme'), 'ok 1 99', 'a member may name the organization');
select is(
  pg_temp.ask(tests.dave(), 'acme'), 'PT422 unknown_organization organization 99',
  'a former member is rejected, and the request is counted');
select is(
  pg_temp.ask(tests.alice(), null, 'yesterday'), 'PT422 invalid_since since 98',
  'an invalid time is rejected');
select is(
  pg_temp.ask(tests.alice(), null, '2020-01-01T00:00:00Z'), 'PT422 invalid_since since 97',
  'a time too long ago is rejected');
select is(
  (select a.verdict from api_job_counts('ij_0_0', null) as a), 'PT401',
  'an unknown key is rejected');

select * from finish();
rollback;
