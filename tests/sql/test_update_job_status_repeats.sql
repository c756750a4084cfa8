begin;
select plan(14);

select tests.arrange_cast();
select tests.arrange_job('running', 'processing');
select tests.arrange_job('done', 'completed');
select tests.arrange_job('broken', 'failed');
select tests.arrange_job('given_up', 'cancelled');
select tests.arrange_job('at_commit', 'processing');
do $$ begin
  perform update_job_status(tests.id('at_commit'), 'completed',
    jsonb_build_object('commit_sha', repeat('a', 40)));
end; $$;
create temp table before as
select j.* from index_jobs as j;
grant select on before to public;

select tests.advance_clock('1 minute');
select tests.act_as_worker();
select is(
  tests.refusal(
    $$ select update_job_status(tests.id('running'), 'processing', p_worker_id => tests.worker(1)) $$),
  'accepted', 'a worker may report its start twice');
select is(
  tests.refusal(
    $$ select update_job_status(tests.id('running'), 'processing', p_worker_id => tests.worker(2)) $$),
  'PT409 already_processing worker_id', 'a second worker may not start the same job');
select is(
  tests.refusal($$ select update_job_status(tests.id('running'), 'processing') $$),
  'PT409 already_processing worker_id', 'a worker without an id may not start it');

select is(
  tests.refusal($$ select update_job_status(tests.id('done'), 'completed',
    '{"stats": {"symbols_extracted": 5, "files_indexed": 2}}', 1) $$),
  'accepted', 'the same result again is a repeat, in any order of members');
select is(
  tests.refusal($$ select update_job_status(tests.id('done'), 'completed',
    '{"stats": {"files_indexed": 3, "symbols_extracted": 5}}') $$),
  'PT409 conflicting_repeat metadata', 'another result is rejected');
select is(
  tests.refusal($$ select update_job_status(tests.id('done'), 'completed') $$),
  'PT409 conflicting_repeat metadata', 'a missing result is another result');
select is(
  tests.refusal($$ select update_job_status(tests.id('done'), 'completed',
    tests.metadata_for('completed'), 2) $$),
  'PT409 stale_attempt attempt', 'the same result of another attempt is rejected');
select is(
  tests.refusal($$ select update_job_status(tests.id('done'), 'completed',
    tests.metadata_for('completed') || jsonb_build_object('commit_sha', repeat('a', 40))) $$),
  'PT409 conflicting_repeat metadata', 'a commit where none was named is another result');
select is(
  tests.refusal($$ select update_job_status(tests.id('at_commit'), 'completed',
    jsonb_build_object('commit_sha', repeat('A', 40))) $$),
  'accepted', 'the same commit is the same result');

select is(
  tests.refusal(
    $$ select update_job_status(tests.id('broken'), 'failed', '{"error": " it broke "}') $$),
  'accepted', 'the same error again is a repeat');
select is(
  tests.refusal($$ select update_job_status(tests.id('broken'), 'failed', '{"error": "else"}') $$),
  'PT409 conflicting_repeat metadata', 'another error is rejected');
select is(
  tests.refusal($$ select update_job_status(tests.id('given_up'), 'cancelled') $$),
  'accepted', 'a job may be cancelled twice');

select results_eq(
  $$ select j.* from index_jobs as j order by j.id $$,
  $$ select b.* from before as b order by b.id $$,
  'no repeat changes a row');
select is(
  (select count(*)::integer from index_job_events), 12, 'no repeat writes an event');

select * from finish();
rollback;
