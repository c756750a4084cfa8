begin;
select plan(8);

select tests.arrange_cast();
create temp table keys (key_id text, api_key text);
grant select, insert on keys to public;

select tests.act_as(tests.alice());
insert into keys select k.key_id, k.api_key from create_api_key('lost') as k;

select tests.act_as(tests.bob());
select is(
  tests.refusal($$ select revoke_api_key((select key_id from keys)) $$),
  'PT404', 'another user''s key is not found, without a detail');
select is(
  tests.refusal($$ select revoke_api_key('0000000000000000') $$),
  'PT404', 'an unknown key gets the same error');
select tests.act_with_claims(null);
select is(
  tests.refusal($$ select revoke_api_key((select key_id from keys)) $$),
  'PT404', 'without claims no key is found');
select tests.act_as_anon();
select is(
  tests.refusal($$ select revoke_api_key((select key_id from keys)) $$),
  '42501', 'anon may not revoke');

select tests.act_as_http();
select is(
  (select a.code from api_get_job_status((select api_key from keys), null, 'x') as a),
  null, 'the key works until it is revoked');
select tests.act_as(tests.alice());
select results_eq(
  $$ select k.name, k.enabled from revoke_api_key((select key_id from keys)) as k $$,
  $$ values ('lost', false) $$,
  'a user may revoke their own key');
select results_eq(
  $$ select k.name, k.enabled from revoke_api_key((select key_id from keys)) as k $$,
  $$ values ('lost', false) $$,
  'a repeat is not an error');
select tests.act_as_http();
select is(
  (select a.code from api_get_job_status((select api_key from keys), null, 'x') as a),
  'AUTH_INVALID_KEY', 'the next call with the key is rejected');

select * from finish();
rollback;
