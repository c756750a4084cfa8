-- builds indexes on public.index_jobs
-- add_queue_job_id_and_commit_sha
-- depends: 20261128093000_create_index_jobs
-- previous text: ed7ddf31243c

set local lock_timeout = '250ms';

alter table public.index_jobs add column queue_job_id uuid;
alter table public.index_jobs add column commit_sha text
  constraint index_jobs_commit_sha_is_a_full_object_id check (commit_sha ~ '^[0-9a-f]{40}$');
create index if not exists index_jobs_pending_idx
  on public.index_jobs (tenant_id, created_at, id)
  where status = 'pending' and queue_job_id is null;
create index if not exists index_jobs_retry_at_idx
  on public.index_jobs (retry_at, tenant_id)
  where retry_at is not null and queue_job_id is null;
create index if not exists index_jobs_processing_idx
  on public.index_jobs (tenant_id, queue_job_id, retry_at, id) where status = 'processing';
comment on column public.index_jobs.queue_job_id is
  'The job in an external queue that runs this one; set once. Null: the runner may claim it.';
comment on column public.index_jobs.commit_sha is
  'The requested commit; once completed, the one that was indexed.';

notify pgrst, 'reload schema';
comment on schema private is 'schema version 20261128093001, text f646139489ee, serves 20261128093000';
