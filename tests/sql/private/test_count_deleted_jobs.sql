begin;
select plan(2);

select tests.arrange_cast();
select tests.arrange_job('waits');
select tests.arrange_job('fails', 'failed');
select tests.arrange_job('other', 'pending', tests.acme_repository());
delete from private.job_metric_log;

delete from auth.users where id = tests.alice();
select set_eq(
  'select l.from_status::text, l.to_status::text from private.job_metric_log as l',
  $$ values ('pending', null), ('failed', null) $$,
  'jobs deleted with their owner are counted by status');
select tests.act_as_worker();
delete from public.organizations where id = tests.acme();
select tests.act_as_admin();
select is((select count(*) from private.job_metric_log), 3::bigint,
  'the counting works for any role that deletes them');

select * from finish();
rollback;
