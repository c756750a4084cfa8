begin;
select plan(14);

select tests.set_clock('2026-03-01 12:00+00');
select tests.arrange_cast();
create temp table keys (
  key_id text, api_key text, name text, expires_at timestamptz, at timestamptz);
grant select, insert on keys to public;

select tests.act_as(tests.alice());
insert into keys select k.* from create_api_key(' laptop ', '2026-04-01') as k;
insert into keys select k.* from create_api_key('server') as k;
select results_eq(
  $$ select k.name, k.expires_at, k.at from keys as k order by k.name $$,
  $$ values ('laptop', timestamptz '2026-04-01', timestamptz '2026-03-01 12:00+00'),
       ('server', null, '2026-03-01 12:00+00') $$,
  'a key has a name and may expire');
select is(
  (select bool_and(k.api_key ~ ('^ij_' || k.key_id || '_[0-9a-f]{64}$')
     and k.key_id ~ '^[0-9a-f]{16}$') from keys as k),
  true, 'a key consists of its id and a long secret');
select is(
  (select count(distinct split_part(k.api_key, '_', 3))::integer from keys as k), 2,
  'all secrets are distinct');
select is(
  tests.refusal($$ select create_api_key(' ') $$), 'PT422 invalid_name name',
  'a key must have a name');
select is(
  tests.refusal($$ select create_api_key(repeat('x', 101)) $$),
  'PT422 invalid_name name', 'a name has at most 100 characters');
select is(
  tests.refusal($$ select create_api_key('old', '2026-03-01 12:00+00') $$),
  'PT422 invalid_expires_at expires_at', 'a key may not expire in the past');
select is(
  tests.refusal($$ select create_api_key('x', 'infinity') $$),
  'PT422 invalid_expires_at expires_at', 'a key may not expire in a year that clients cannot read');
select is(
  tests.refusal($$ select create_api_key(E'x\x1b[2J') $$),
  'PT422 invalid_name name', 'a name may not contain control characters');

select tests.act_with_claims(null);
select is(tests.refusal($$ select create_api_key('x') $$), '42501',
  'a caller without claims gets no key');
select tests.act_with_claims('{"sub": "no uuid"}');
select is(tests.refusal($$ select create_api_key('x') $$), '42501', 'invalid claims get no key');
select tests.act_as_anon();
select is(tests.refusal($$ select create_api_key('x') $$), '42501', 'anon gets no key');
select tests.act_as_worker();
select is(tests.refusal($$ select create_api_key('x') $$), '42501', 'the service gets no key');

select tests.act_as_admin();
select is(
  (select count(*)::integer from private.api_keys as k join keys as n on n.key_id = k.id
   where k.user_id = tests.alice() and k.enabled
     and k.secret_hash = sha256(split_part(n.api_key, '_', 3)::bytea)),
  2, 'only the hash of the secret is stored');
select is(
  (select count(*)::integer from private.api_keys as k join keys as n on n.key_id = k.id
   where position(split_part(n.api_key, '_', 3) in k::text) > 0),
  0, 'the secret itself is not stored');

select * from finish();
rollback;
