-- The setup of Supabase as the doctor requires it: tests/supabase/test_broadcast.py.
begin;
select plan(8);

select tests.arrange_cast();
drop schema if exists realtime cascade;
create table public.messages ();
select lives_ok('select private.create_broadcast_policy()', 'without Realtime it does nothing');
create schema realtime;
create table realtime.other ();
select lives_ok('select private.create_broadcast_policy()',
  'without the table of Realtime it does nothing');

select tests.arrange_realtime();
select private.create_broadcast_policy();
select lives_ok('select private.create_broadcast_policy()', 'it can be called again');
insert into realtime.messages (topic, extension)
select t, e
from unnest(array['index_jobs:' || tests.alice(), 'index_jobs:' || tests.acme(), 'index_jobs:x']) as t
cross join unnest(array['broadcast', 'presence']) as e;
-- how many of 6 messages the user may read on the topic
create function pg_temp.follow(p_topic text) returns text language sql as $$
  select set_config('realtime.topic', 'index_jobs:' || p_topic, true);
  select string_agg(distinct m.extension, ' ') || ' ' || count(*) from realtime.messages as m
$$;

select tests.act_as(tests.alice());
select is(
  array[pg_temp.follow(tests.alice()::text), pg_temp.follow(tests.acme()::text), pg_temp.follow('x')],
  array['broadcast 3', null, null], 'a user may follow their own jobs, by broadcast only');
select tests.act_as(tests.carol());
select is(
  array[pg_temp.follow(tests.alice()::text), pg_temp.follow(tests.acme()::text), pg_temp.follow('x')],
  array[null, 'broadcast 3', null], 'a member may follow the organization''s jobs');
select tests.act_as(tests.dave());
select is(
  array[pg_temp.follow(tests.alice()::text), pg_temp.follow(tests.acme()::text), pg_temp.follow('x')],
  array[null, null, null]::text[], 'former members and strangers may follow nothing');
select tests.act_as_anon();
select is(
  array[pg_temp.follow(tests.alice()::text), pg_temp.follow('')], array[null, null]::text[],
  'anon may follow nothing');
select tests.act_as_admin();
create policy organization_members_open on organization_members
  for select to authenticated using (true);
select tests.act_as(tests.alice());
select is(
  pg_temp.follow(tests.acme()::text), null, 'seeing the members of an organization is not enough');

select * from finish();
rollback;
