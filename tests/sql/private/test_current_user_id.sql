begin;
select plan(8);

create function pg_temp.user_of(p_claims text) returns uuid language plpgsql as $$
begin
  perform set_config('request.jwt.claims', p_claims, true);
  return private.current_user_id();
end;
$$;

select is(private.current_user_id(), null, 'without claims there is no user');
select is(
  pg_temp.user_of('{"sub": "' || tests.alice() || '", "role": "authenticated"}'), tests.alice(),
  'the user is the sub claim');
select is(
  pg_temp.user_of('{"sub": "' || upper(tests.alice()::text) || '"}'), tests.alice(),
  'an uppercase sub is accepted');
select is(pg_temp.user_of(''), null, 'an empty setting means no user');
select is_empty(
  $$ select c from unnest(array['{', 'null', '[]', '"x"', '1', '{}', '{"sub": null}',
       '{"sub": ""}', '{"sub": 5}', '{"sub": "no uuid"}', '{"sub": {"a": 1}}', '{"sub": []}',
       '{"sub": "\u0000"}', '{"sub": "\ud800"}', repeat('[', 100000),
       '{"sub": "' || repeat('a', 100000) || '"}']) as c
     where pg_temp.user_of(c) is not null $$,
  'invalid claims mean no user and no error');
select is(
  pg_temp.user_of('{"sub": "no uuid", "user_metadata": {"sub": "' || tests.alice() || '"}}'),
  null, 'user metadata does not identify a user');
select is(
  pg_temp.user_of('{"user_metadata": {"sub": "' || tests.alice() || '"}, "sub": "'
    || tests.bob() || '"}'),
  tests.bob(), 'user metadata does not override the claim');

prepare who as select private.current_user_id();
create function pg_temp.who_of(p_claims text) returns text language plpgsql as $$
declare
  v_user_id text;
begin
  perform set_config('request.jwt.claims', p_claims, true);
  execute 'execute who' into v_user_id;
  return v_user_id;
end;
$$;
set local plan_cache_mode = force_generic_plan;
select is(
  (select array_agg(pg_temp.who_of(jsonb_build_object('sub', u)::text) order by n)
   from unnest(array[tests.alice(), tests.bob()]) with ordinality as users (u, n)),
  array[tests.alice()::text, tests.bob()::text],
  'a cached plan does not return the previous user');

select * from finish();
rollback;
