-- Removes the wake-ups of procrastinate: index-jobs bridge remove procrastinate.

drop trigger if exists index_jobs_wake_procrastinate on public.index_jobs;
drop function if exists private.wake_procrastinate();
