begin;
select plan(12);

select tests.arrange_cast();
select tests.set_clock('2030-01-01 12:00Z');
select tests.arrange_job('other', p_repository_id => tests.acme_repository());
select tests.arrange_job('first');
select tests.advance_clock('1 second');
select tests.arrange_job('second');
insert into private.runners (worker_id, slots, busy, seen_at)
values (gen_random_uuid(), 2, 2, private.clock());
select setval('private.claim_cursor_high', 0), setval('private.claim_cursor_low', 0);

select tests.act_as(tests.alice());
select results_eq(
  $$ select e.* from explain_index_job(tests.id('second')) as e $$,
  $$ values ('in_line', 'Waiting: 2 jobs come first, 1 of them yours.', 2, 1, null::timestamptz,
       null::double precision, null::double precision, null::text, null::integer) $$,
  'the owner sees the position, and nothing else about other tenants'' jobs');
select is(
  tests.refusal($$ select explain_index_job(tests.id('other')) $$), 'PT404',
  'another tenant''s job is not found');
select is(
  tests.refusal($$ select explain_index_job(gen_random_uuid()) $$), 'PT404',
  'an unknown job gets the same error');
select is(
  tests.refusal($$ select explain_index_job(null) $$), 'PT404', 'null gets the same error');

select tests.act_as(tests.carol());
select is(
  (select e.position from explain_index_job(tests.id('other')) as e), 1,
  'a member gets explanations of the organization''s jobs');
select tests.act_as(tests.dave());
select is(
  tests.refusal($$ select explain_index_job(tests.id('other')) $$), 'PT404',
  'a former member does not');
select tests.act_with_claims(null);
select is(
  tests.refusal($$ select explain_index_job(tests.id('first')) $$), 'PT404',
  'without claims no job is found');
select tests.act_with_claims('{"sub": "no uuid');
select is(
  tests.refusal($$ select explain_index_job(tests.id('first')) $$), 'PT404',
  'with invalid claims no job is found');
select tests.act_as_worker();
select is(
  (select e.position from explain_index_job(tests.id('first')) as e), 0,
  'the service gets explanations of every job');
select tests.act_as_admin();
select set_config('request.jwt.claims', jsonb_build_object('sub', tests.bob())::text, true);
set local role authenticated;
select is(
  tests.refusal($$ select explain_index_job(tests.id('other')) $$), 'accepted',
  'the user role decides, whatever else the login may do');
select tests.act_as_anon();
select is(
  tests.refusal($$ select explain_index_job(tests.id('first')) $$), '42501',
  'anon may not call it');
select tests.act_as_http();
select is(
  tests.refusal($$ select explain_index_job(tests.id('first')) $$), '42501',
  'the HTTP layer must use its own function');

select * from finish();
rollback;
