begin;
select plan(5);

select tests.act_as(tests.alice());
select is(tests.refusal('select from private.job_ends'), '42501', 'users may not look');
select tests.act_as_anon();
select is(tests.refusal('select from private.job_ends'), '42501', 'nor anon');
select tests.act_as_http();
select is(tests.refusal('select from private.job_ends'), '42501', 'nor the HTTP layer');
select tests.act_as_worker();
select is(tests.refusal('select from private.job_ends'), 'accepted', 'the service reads');
select is(tests.refusal('delete from private.job_ends'), '42501', 'and forgets no failure');

select * from finish();
rollback;
