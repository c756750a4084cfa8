-- add_queue_job_id_and_commit_sha, undone

set local lock_timeout = '250ms';

drop index public.index_jobs_processing_idx;
drop index public.index_jobs_retry_at_idx;
drop index public.index_jobs_pending_idx;
alter table public.index_jobs drop column commit_sha;
alter table public.index_jobs drop column queue_job_id;

notify pgrst, 'reload schema';
comment on schema private is 'schema version 20261128093000, text ed7ddf31243c, serves 20261128093000';
