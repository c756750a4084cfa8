begin;
select plan(4);

select tests.arrange_cast();
create temp table moves as
select f.status as from_status, t.status as to_status, f.status || '_' || t.status as job
from unnest(enum_range(null::job_status)::text[]) as f (status)
cross join unnest(enum_range(null::job_status)::text[]) as t (status)
where f.status <> t.status or t.status = 'pending';
alter table moves add column answer text;
grant select, update on moves to public;
do $$ begin perform tests.arrange_job(m.job, m.from_status) from moves as m; end; $$;
create temp table before as
select m.job, j.* from moves as m join index_jobs as j on j.id = tests.id(m.job);
grant select on before to public;

select tests.act_as_worker();
update moves set answer = tests.refusal(format(
  'select update_job_status(%L, %L, %L)', tests.id(job), to_status, tests.metadata_for(to_status)));
select set_eq(
  $$ select m.from_status, m.to_status from moves as m where m.answer = 'accepted' $$,
  $$ values ('pending', 'processing'), ('pending', 'failed'), ('pending', 'cancelled'),
       ('processing', 'completed'), ('processing', 'failed'), ('processing', 'cancelled') $$,
  'a job only moves forward, and never directly from pending to completed');
select set_eq(
  $$ select distinct m.answer from moves as m where m.answer <> 'accepted' $$,
  array['PT409 invalid_transition status'], 'every other move is rejected with the same code');
select is_empty(
  $$ select m.job from moves as m
     join before as b using (job)
     join index_jobs as j on j.id = b.id
     where m.answer <> 'accepted' and (j.status, j.version, j.updated_at, j.completed_at, j.stats,
         j.error_message, j.attempt) is distinct from (b.status, b.version, b.updated_at,
         b.completed_at, b.stats, b.error_message, b.attempt) $$,
  'a rejected move does not change the row');
select is_empty(
  $$ select m.job from moves as m
     join index_jobs as j on j.id = tests.id(m.job)
     where m.answer = 'accepted'
       and (j.status::text <> m.to_status or j.version <> (
         select count(*) from index_job_events as e where e.job_id = j.id)) $$,
  'an accepted move reaches its status with one new version and one event');

select * from finish();
rollback;
