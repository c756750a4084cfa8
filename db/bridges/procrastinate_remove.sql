-- The wake-ups of procrastinate, taken back: index-jobs bridge remove procrastinate.

drop trigger if exists index_jobs_wake_procrastinate on public.index_jobs;
drop function if exists private.wake_procrastinate();
