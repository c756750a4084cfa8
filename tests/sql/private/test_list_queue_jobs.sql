begin;
select plan(3);

select tests.arrange_cast();
select tests.set_clock('2030-01-01 12:00Z');
select tests.arrange_job(n) from unnest(array['pending', 'queued', 'held', 'waiting']) as n;
select tests.arrange_job('own', 'processing');
select tests.arrange_job('done', 'completed');
select tests.arrange_job('asked_for', 'completed');
update index_jobs set queue_job_id = id
where id in (tests.id('queued'), tests.id('held'), tests.id('waiting'));
select begin_queue_attempt(tests.id(v.name), tests.id(v.name), v.run, tests.worker(1))
from (values ('held', 2), ('waiting', 0)) as v (name, run);
select fail_job_attempt(tests.id('waiting'), 1, 'down');

select tests.arrange_job('foreign');
select tests.arrange_job('foreign_held');
update index_jobs set queue_job_id = gen_random_uuid()
where id in (tests.id('foreign'), tests.id('foreign_held'));
select begin_queue_attempt(j.id, j.queue_job_id, 0, tests.worker(2))
from index_jobs as j where j.id = tests.id('foreign_held');

select is_empty(
  $$ select l.job_id from private.list_queue_jobs(
       array[tests.id('foreign'), tests.id('foreign_held')]) as l
     where l.job_id in (tests.id('foreign'), tests.id('foreign_held')) $$,
  'jobs of another queue are not listed');
select set_eq(
  $$ select k.name, l.status::text, l.is_linked, l.is_held, l.is_waiting, l.queue_attempt
     from private.list_queue_jobs(array[tests.id('asked_for')]) as l
     left join unnest(array['pending', 'queued', 'held', 'waiting', 'own', 'done', 'asked_for'])
       as k (name) on tests.id(k.name) = l.job_id $$,
  $$ values ('pending', 'pending', false, false, false, null::integer),
       ('queued', 'pending', true, false, false, null),
       ('held', 'processing', true, true, false, 2),
       ('waiting', 'processing', true, false, true, 0),
       ('asked_for', 'completed', false, false, false, null) $$,
  'the list has unfinished jobs and the requested ones');
select results_eq(
  $$ select l.tenant_id, l.payload from private.list_queue_jobs('{}') as l
     where l.job_id = tests.id('queued') $$,
  $$ select tests.alice(), jsonb_build_object('indexJobId', tests.id('queued'),
       'repositoryId', tests.alice_repository(), 'commitSha', null) $$,
  'the list has the payload for the queue');

select * from finish();
rollback;
