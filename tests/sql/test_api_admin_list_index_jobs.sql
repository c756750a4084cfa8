begin;
select plan(19);

select tests.set_clock('2026-03-01 12:00+00');
select tests.arrange_cast();
select tests.arrange_job('first');
select tests.advance_clock('1 hour');
select tests.arrange_job('second', 'failed', tests.acme_repository());
select tests.advance_clock('1 hour');
select tests.arrange_job('third', 'pending', tests.acme_repository());
select tests.act_as_worker();
select link_queue_job(tests.id('third'), '00000000-0000-4000-8000-00000000aaaa');
create function pg_temp.listed(p private.api_answer)
returns text[] language sql as $$
  select case (p).verdict when 'ok' then array(
    select n.name
    from jsonb_array_elements((p).body::jsonb -> 'jobs') with ordinality as j (job, place)
    join (values ('first'), ('second'), ('third')) as n (name)
      on tests.id(n.name) = (j.job ->> 'id')::uuid
    order by j.place)
  else array[(p).verdict, (p).code, (p).field] end;
$$;
create function pg_temp.search(
  p_status text default null, p_tenant text default null, p_repository text default null,
  p_since text default null, p_until text default null, p_queue text default null,
  p_cursor text default null, p_limit integer default 20)
returns text[] language sql as $$
  select pg_temp.listed(api_admin_list_index_jobs(
    '{"role": "service_role", "sub": "erin"}', p_status, p_tenant, p_repository, p_since, p_until,
    p_queue, p_cursor, p_limit, 'ticket 7'));
$$;

select tests.act_as_http();
select is(
  pg_temp.search(), '{third,second,first}', 'jobs of all tenants are listed, newest first');
select is(pg_temp.search(p_status => 'failed'), '{second}', 'filter by status');
select is(pg_temp.search(p_tenant => tests.alice()::text), '{first}', 'filter by user id');
select is(
  pg_temp.search(p_tenant => tests.acme()::text), '{third,second}', 'filter by organization id');
select is(pg_temp.search(p_repository => 'alice/app'), '{first}', 'filter by repository name');
select is(
  pg_temp.search(p_repository => tests.acme_repository()::text), '{third,second}',
  'filter by repository id');
select is(
  pg_temp.search(p_since => '2026-03-01T13:00:00Z'), '{third,second}',
  'filter by earliest creation time');
select is(pg_temp.search(p_until => '2026-03-01T13:00:00Z'), '{first}',
  'filter by latest creation time');
select is(
  pg_temp.search(p_queue => '00000000-0000-4000-8000-00000000aaaa'), '{third}',
  'filter by the job''s id in a queue');
select is(
  pg_temp.search(p_tenant => tests.acme()::text, p_status => 'pending'), '{third}',
  'several filters combined');
select is(
  (select pg_temp.listed(one) || pg_temp.search(p_cursor => one.next_cursor, p_limit => 2)
   from api_admin_list_index_jobs('{"role": "service_role"}', p_limit => 2) as one),
  '{third,second,first}', 'a page starts after the last job of the previous one');
select is(
  (select one.next_cursor from api_admin_list_index_jobs('{"role": "service_role"}') as one), null,
  'the last page has no next cursor');
select is(
  array[pg_temp.search(p_status => 'x'), pg_temp.search(p_tenant => 'x'),
    pg_temp.search(p_queue => 'x'), pg_temp.search(p_cursor => 'x'), pg_temp.search(p_limit => 101),
    pg_temp.search(p_since => 'x'), pg_temp.search(p_until => 'x')],
  array[['PT422', 'unknown_status', 'status'], ['PT422', 'invalid_tenant', 'tenant'],
    ['PT422', 'invalid_queue_job_id', 'queue_job_id'], ['PT422', 'invalid_cursor', 'cursor'],
    ['PT422', 'invalid_limit', 'limit'], ['PT422', 'invalid_since', 'since'],
    ['PT422', 'invalid_since', 'until']],
  'an invalid parameter is named');
select is(
  pg_temp.listed(api_admin_list_index_jobs(
    jsonb_build_object('role', 'authenticated', 'sub', tests.alice()))),
  '{PT401,AUTH_INVALID_KEY,NULL}', 'only the service may call it');

select tests.act_as_admin();
select results_eq(
  $$ select distinct a.at, a.actor, a.action, a.job_id, a.outcome from private.admin_audit as a
     where a.reason = 'ticket 7' $$,
  $$ values (timestamptz '2026-03-01 14:00+00', 'erin', 'list_index_jobs', null::uuid, 'ok') $$,
  'each read is audited');
select is_empty(
  $$ select c.user_id from private.rate_limit_counters as c $$, 'no quota is used');
select tests.act_as(tests.alice());
select is(
  tests.refusal($$ select api_admin_list_index_jobs('{"role": "service_role"}') $$), '42501',
  'users may not pass their own claims');
select is(
  tests.refusal($$ select private.admin_list_index_jobs(
    null, null, null, null, null, null, null, 20) $$), '42501',
  'users may not list jobs of others');
select tests.act_as_worker();
select is(
  tests.refusal($$ select private.admin_list_index_jobs(
    null, null, null, null, null, null, null, 20) $$), '42501',
  'the service must go through its claims');
select * from finish();
rollback;
