begin;
select plan(4);

create function pg_temp.seen() returns timestamptz language sql as
$$ select r.seen_at from private.runners as r where r.worker_id = tests.worker(1)::uuid $$;

select tests.set_clock('2026-03-01 12:00+00');
select private.see_worker(tests.worker(1)::uuid);
select is(pg_temp.seen(), '2026-03-01 12:00+00', 'a worker is recorded when seen');
select tests.set_clock('2026-03-01 12:00:04+00');
select private.see_worker(tests.worker(1)::uuid);
select is(pg_temp.seen(), '2026-03-01 12:00+00', 'it is not recorded again for 5 seconds');
select tests.set_clock('2026-03-01 12:00:05+00');
select private.see_worker(tests.worker(1)::uuid);
select is(pg_temp.seen(), '2026-03-01 12:00:05+00', 'after that it is recorded again');

select tests.set_clock('2026-03-01 11:00+00');
select private.see_worker(tests.worker(1)::uuid);
select is(pg_temp.seen(), '2026-03-01 11:00+00', 'a time in the future is replaced');

select * from finish();
rollback;
