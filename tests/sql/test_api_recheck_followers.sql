begin;
select plan(6);

select tests.arrange_cast();
select tests.arrange_job('own', 'pending', tests.alice_repository());
select tests.arrange_job('ours', 'pending', tests.acme_repository());
create temp table keys (key_id text, api_key text);
grant select, insert on keys to public;
select tests.act_as(tests.alice());
insert into keys select k.key_id, k.api_key from create_api_key('test') as k;
select tests.act_as_http();

create function pg_temp.recheck(p_api_keys text[], p_users uuid[], p_names text[]) returns text
language sql
as $$
  select string_agg(r.place, ' ' order by r.place)
  from api_recheck_followers(
    p_api_keys,
    array(select case when u is not null
      then jsonb_build_object('sub', u, 'role', 'authenticated')::text end
      from unnest(p_users) as u),
    array(select tests.id(n) from unnest(p_names) as n)) as a
  cross join json_array_elements_text(a.body::json) as r (place)
$$;

select is((api_recheck_followers('{}', '{}', '{}')).verdict, 'ok', 'an empty list is accepted');
select is(
  pg_temp.recheck(
    array[null, null, null, (select api_key from keys)],
    array[tests.alice(), tests.bob(), tests.carol(), null], array['own', 'ours', 'ours', 'own']),
  null, 'the owner, members and valid keys may continue');
select is(
  pg_temp.recheck(
    array[null, null, null, null]::text[],
    array[tests.alice(), tests.dave(), tests.bob(), tests.bob()],
    array['own', 'ours', 'own', 'ours']),
  '2 3', 'former members and strangers may not, whatever else they follow');
select is(
  pg_temp.recheck(
    array['ij_0_0', (select api_key from keys), null], array[null, null, null]::uuid[],
    array['own', 'ours', 'own']),
  '1 2 3', 'an unknown key, a key of another tenant and a missing one may not');
select tests.act_as(tests.alice());
select revoke_api_key((select key_id from keys));
select tests.act_as_http();
select is(
  pg_temp.recheck(array[(select api_key from keys)], array[null]::uuid[], array['own']),
  '1', 'a revoked key may not');
select tests.act_as_admin();
select is_empty(
  'select c.user_id from private.rate_limit_counters as c', 'no quota is used');

select * from finish();
rollback;
