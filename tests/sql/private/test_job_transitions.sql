begin;
select plan(3);

select bag_eq(
  $$ select t.from_status::text, t.to_status::text from private.job_transitions() as t $$,
  $$ values ('pending', 'processing'), ('pending', 'failed'), ('pending', 'cancelled'),
       ('processing', 'completed'), ('processing', 'failed'), ('processing', 'cancelled') $$,
  'these are the allowed moves, each listed once');
select is_empty(
  $$ select t.* from private.job_transitions() as t where private.is_final(t.from_status) $$,
  'no move leaves a final status');
select is_empty(
  $$ select t.* from private.job_transitions() as t where t.to_status <= t.from_status $$,
  'no move goes backward');

select * from finish();
rollback;
