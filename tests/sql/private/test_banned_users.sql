begin;
select plan(9);

select tests.set_clock('2026-03-01 12:00+00');
select tests.arrange_cast();

create function pg_temp.is_banned(p_user_id uuid)
returns boolean
language sql
as $$
  select p_user_id = any (private.banned_users(array[p_user_id]));
$$;

select ok(not pg_temp.is_banned(tests.alice()), 'an ordinary user is not banned');
select ok(not pg_temp.is_banned(gen_random_uuid()), 'an unknown user is not banned');
update auth.users set banned_until = '2026-03-01 12:00:01+00' where id = tests.alice();
select ok(pg_temp.is_banned(tests.alice()), 'a user is banned until the given time');
select is(private.banned_users(array[tests.bob(), tests.alice(), tests.carol(), tests.alice()]),
  array[tests.alice()], 'of several users, only those that are banned are returned, once');
select is(private.banned_users('{}'), '{}', 'of no users, none is returned');
select tests.advance_clock('1 second');
select ok(not pg_temp.is_banned(tests.alice()), 'the ban ends at that time');
update auth.users set banned_until = 'infinity' where id = tests.alice();
select ok(pg_temp.is_banned(tests.alice()), 'a ban may be permanent');
update auth.users set deleted_at = '2026-02-01 12:00+00' where id = tests.bob();
select ok(pg_temp.is_banned(tests.bob()), 'a user marked as deleted is banned');
set local role none;
alter table auth.users drop column banned_until, drop column deleted_at;
select ok(not pg_temp.is_banned(tests.alice()), 'without these columns no user is banned');

select * from finish();
rollback;
