begin;
select plan(8);

select tests.set_clock('2026-03-01 12:00+00');
select tests.arrange_cast();

select is(private.is_banned(tests.alice()), false, 'an ordinary user is not banned');
select is(private.is_banned(gen_random_uuid()), false, 'an unknown user is not banned');
update auth.users set banned_until = '2026-03-01 12:00:01+00' where id = tests.alice();
select is(private.is_banned(tests.alice()), true, 'a user is banned until the given time');
select is(private.is_banned(tests.bob()), false, 'other users are not banned');
select tests.advance_clock('1 second');
select is(private.is_banned(tests.alice()), false, 'the ban ends at that time');
update auth.users set banned_until = 'infinity' where id = tests.alice();
select is(private.is_banned(tests.alice()), true, 'a ban may be permanent');
update auth.users set deleted_at = '2026-02-01 12:00+00' where id = tests.bob();
select is(private.is_banned(tests.bob()), true, 'a user marked as deleted is banned');
set local role none;
alter table auth.users drop column banned_until, drop column deleted_at;
select is(private.is_banned(tests.alice()), false, 'without these columns no user is banned');

select * from finish();
rollback;
