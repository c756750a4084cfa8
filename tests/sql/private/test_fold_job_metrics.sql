begin;
select plan(7);

select tests.set_clock('2030-01-01 12:00:30Z');
select tests.arrange_cast();
select tests.arrange_job('done', 'processing');
select tests.advance_clock('7 seconds');
select update_job_status(tests.id('done'), 'completed', '{}', 1);
select tests.arrange_job('failed', 'failed');

select is(private.fold_job_metrics(p_most => 2), 2, 'p_most limits a batch');
select is(private.fold_job_metrics(), 3, 'the next call continues');
select is(private.fold_job_metrics(), 0, 'nothing is left, and nothing is counted twice');
select set_eq(
  $$ select m.from_status::text, m.to_status::text, m.outcome, m.wait_le, m.duration_le, m.events,
       m.wait, m.duration
     from private.job_metrics as m $$,
  $$ values
    (null, 'pending', null, null::double precision, null::double precision, 2::bigint, 0.0, 0.0),
    ('pending', 'processing', null, 1, null, 1, 0, 0),
    ('pending', 'failed', null, null, null, 1, 0, 0),
    ('processing', 'completed', 'completed', null, 10, 1, 0, 7) $$,
  'equal entries become one row');
select set_eq(
  'select e.minute, e.completed, e.failed from private.job_ends as e',
  $$ values (timestamptz '2030-01-01 12:00Z', 1::bigint, 1::bigint) $$,
  'ends are counted per minute');
select tests.advance_clock('59 minutes 30 seconds');
select tests.arrange_job('again', 'completed');
select private.fold_job_metrics();
select set_eq(
  'select e.minute, e.completed, e.failed from private.job_ends as e',
  $$ values (timestamptz '2030-01-01 13:00Z', 1::bigint, 0::bigint) $$,
  'ends are deleted after an hour');
select is(
  (select m.events from private.job_metrics as m where m.outcome = 'completed' and m.duration_le = 1),
  1::bigint, 'a later batch is added');

select * from finish();
rollback;
