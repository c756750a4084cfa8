begin;
select plan(17);

select tests.set_clock('2026-03-01 12:34:56+00');
select tests.arrange_cast();
insert into private.accounts (user_id, tier) values (tests.bob(), 'team');
insert into private.rate_limit_counters (user_id, window_start, requests) values
  (tests.alice(), '2026-03-01 11:00+00', 77), (tests.bob(), '2026-03-01 12:00+00', 88);
create temp table keys (api_key text);
grant select, insert on keys to public;
select tests.act_as(tests.alice());
insert into keys select k.api_key from create_api_key('k') as k;
select tests.act_as_admin();

select results_eq(
  $$ select c.user_id, c.window_start, c.rate_limit, c.requests
     from private.begin_request((select api_key from keys), null) as c $$,
  $$ values (tests.alice(), timestamptz '2026-03-01 12:00+00', 100, 0) $$,
  'a key identifies its user; without an account the tier is free; the last hour does not count');
select is(private.current_user_id(), tests.alice(), 'afterwards the claims are those of the user');
select is(
  (select k.last_used_at from private.api_keys as k), '2026-03-01 12:34:56+00',
  'the use of the key is recorded');
select tests.advance_clock('1 hour');
select is(
  (select c.user_id from private.begin_request((select api_key from keys), null) as c),
  tests.alice(), 'the key can be used again within the hour');
select is(
  (select k.last_used_at from private.api_keys as k), '2026-03-01 12:34:56+00',
  'this use is not recorded');
select tests.advance_clock('1 second');
select is(
  (select c.user_id from private.begin_request((select api_key from keys), null) as c),
  tests.alice(), 'the key can be used after the hour');
select is(
  (select k.last_used_at from private.api_keys as k), '2026-03-01 13:34:57+00',
  'this use is recorded');
select tests.set_clock('2026-03-01 12:59:59+00');
select results_eq(
  $$ select c.user_id, c.rate_limit, c.requests from private.begin_request(null,
       jsonb_build_object('sub', tests.bob(), 'role', 'authenticated')) as c $$,
  $$ values (tests.bob(), 10000, 88) $$,
  'claims identify a user with the tier''s limit and the requests so far');
select is_empty(
  $$ select k from unnest(array['', '_', 'ij', 'ij_', 'ij__', 'x', repeat('_', 1000),
       (select replace(api_key, 'ij_', 'xx_') from keys),
       (select left(api_key, -1) from keys), (select upper(api_key) from keys)]) as k
     where (private.begin_request(k, null)).user_id is not null $$,
  'anything but an exact key is rejected');
select is(
  (select c.user_id from private.begin_request('ij_x_y',
    jsonb_build_object('sub', tests.bob(), 'role', 'authenticated')) as c),
  null, 'an invalid key is rejected even with valid claims');
select is(
  (select c.user_id from private.begin_request((select api_key from keys),
    jsonb_build_object('sub', tests.bob(), 'role', 'authenticated')) as c),
  tests.alice(), 'claims next to a valid key are ignored');
select is(private.current_user_id(), tests.alice(), 'the session acts as the owner of the key');

insert into private.rate_limit_counters (user_id, window_start, requests) values
  (tests.carol(), '2026-03-01 13:00+00', 99);
select is(
  (select c.requests from private.begin_request(null,
    jsonb_build_object('sub', tests.carol(), 'role', 'authenticated')) as c), 0,
  'a count of a future hour is ignored');
update private.api_keys set last_used_at = '2026-03-02 12:00+00';
select is(
  (select c.user_id from private.begin_request((select api_key from keys), null) as c),
  tests.alice(), 'a key may have a last use in the future');
select is(
  (select k.last_used_at from private.api_keys as k), private.clock(),
  'the next use corrects it');

update auth.users set banned_until = 'infinity' where id in (tests.alice(), tests.bob());
select is(
  (select c.user_id from private.begin_request((select api_key from keys), null) as c), null,
  'the key of a banned user is rejected');
select is(
  (select c.user_id from private.begin_request(null,
    jsonb_build_object('sub', tests.bob(), 'role', 'authenticated')) as c), null,
  'claims of a banned user are rejected');

select * from finish();
rollback;
