-- The functions that store an index lock the repository under row-level security. Otherwise
-- job_writer may change only the URL.
begin;
select plan(4);

select tests.arrange_cast();
select tests.arrange_job('job', 'processing');
-- the locked rows, without the key-share locks that new jobs take
set local session_replication_role = replica;
create temp table copies as select r.* from repositories as r;
delete from repositories;
insert into repositories select c.* from copies as c;
set local session_replication_role = origin;

select tests.act_as_worker();
select store_index_rows(tests.id('job'), 1);
select tests.act_as_admin();
select results_eq(
  $$ select r.id from repositories as r
     where r.xmax::text::bigint = pg_current_xact_id()::text::bigint $$,
  $$ values (tests.alice_repository()) $$, 'a worker that stores rows locks its repository');
-- the functions of the table's checks, so that only the policy can reject the update
grant execute on all functions in schema private to job_writer;
set local role job_writer;
select is(
  tests.refusal('update public.repositories set id = id'), '42501',
  'job_writer may not update a repository, not even without a change');
select is(
  tests.refusal('update public.repositories set full_name = full_name'), '42501',
  'job_writer may not update another column');
select is(
  tests.refusal('update public.repositories set git_url = git_url'), 'accepted',
  'job_writer may update the URL, for set_repository_url');
reset role;

select * from finish();
rollback;
