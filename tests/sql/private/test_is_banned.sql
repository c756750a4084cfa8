begin;
select plan(8);

select tests.set_clock('2026-03-01 12:00+00');
select tests.arrange_cast();

select is(private.is_banned(tests.alice()), false, 'a user is not banned');
select is(private.is_banned(gen_random_uuid()), false, 'nor is an unknown user');
update auth.users set banned_until = '2026-03-01 12:00:01+00' where id = tests.alice();
select is(private.is_banned(tests.alice()), true, 'until that time a banned user is banned');
select is(private.is_banned(tests.bob()), false, 'and nobody else');
select tests.advance_clock('1 second');
select is(private.is_banned(tests.alice()), false, 'and no longer');
update auth.users set banned_until = 'infinity' where id = tests.alice();
select is(private.is_banned(tests.alice()), true, 'a ban may have no end');
update auth.users set deleted_at = '2026-02-01 12:00+00' where id = tests.bob();
select is(private.is_banned(tests.bob()), true, 'a user that is marked as deleted is banned');
set local role none;
alter table auth.users drop column banned_until, drop column deleted_at;
select is(private.is_banned(tests.alice()), false, 'where there are no such columns nobody is');

select * from finish();
rollback;
