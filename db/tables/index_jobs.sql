-- Made by `make docs` from a migrated database. Do not edit it: CONTRIBUTING.md says how to
-- change a table.

-- One row per indexing job, with its whole state. Changed only by functions.
-- Row-level security is on and forced.
create table public.index_jobs (
  -- Primary key, a version 7 UUID.
  id uuid not null,
  -- The repository that is indexed.
  repository_id uuid not null,
  -- The full name of the repository when the job was created.
  repository text not null,
  -- The user who owned the repository when the job was created; kept when the repository moves.
  owner_user_id uuid,
  -- The organization that owned the repository when the job was created; kept when it moves.
  organization_id uuid,
  -- The tenant of the job: organization_id if there is one, else owner_user_id.
  tenant_id uuid not null generated always as (coalesce(organization_id, owner_user_id)) stored,
  -- The user who created the job; null if the service did, or if the user was deleted.
  created_by uuid,
  -- The requested branch, tag or commit; HEAD is the default branch.
  ref text not null default 'HEAD'::text,
  -- pending, processing, completed, failed or cancelled.
  status public.job_status not null default 'pending'::public.job_status,
  -- How often a worker has started this job. A worker that passes an older number is refused.
  attempt integer not null default 0,
  -- How often a worker may start it.
  max_attempts integer not null default 3,
  -- The worker of the current or last attempt; the id reveals nothing about its machine.
  worker_id uuid,
  -- Progress of the current attempt: {"phase": text, "done": count, "total": count or null}.
  progress jsonb,
  -- The result in figures, such as files_indexed and symbols_extracted; at most 16 kB.
  stats jsonb,
  -- Why the job failed; set only if it failed.
  error_message text,
  -- Why the last failed attempt failed, while the job is not completed.
  last_error text,
  -- When the job was created.
  created_at timestamp with time zone not null,
  -- When the first attempt started.
  started_at timestamp with time zone,
  -- When the job reached its final status; null before.
  completed_at timestamp with time zone,
  -- The last heartbeat of the current attempt.
  heartbeat_at timestamp with time zone,
  -- When the lease of the worker ends; after that another worker may take the job.
  lease_expires_at timestamp with time zone,
  -- When the next attempt may start, after a failed one.
  retry_at timestamp with time zone,
  -- When a user asked to cancel.
  cancel_requested_at timestamp with time zone,
  -- When the row last changed visibly.
  updated_at timestamp with time zone not null,
  -- Grows with every visible change, including progress, but not with heartbeats. Used as the ETag.
  version bigint not null default 1,
  -- The ended job that support repeated with this one, or null; it may have been purged.
  repeats_job_id uuid,
  -- The job in an external queue that runs this one; set once. Null: the runner may claim it.
  queue_job_id uuid,
  -- The requested commit; once completed, the one that was indexed.
  commit_sha text,
  constraint index_jobs_pkey
    primary key (id),
  constraint index_jobs_created_by_fkey
    foreign key (created_by) references auth.users(id) on delete set null,
  constraint index_jobs_organization_id_fkey
    foreign key (organization_id) references public.organizations(id) on delete cascade,
  constraint index_jobs_owner_user_id_fkey
    foreign key (owner_user_id) references auth.users(id) on delete cascade,
  constraint index_jobs_repository_id_fkey
    foreign key (repository_id) references public.repositories(id) on delete cascade,
  constraint index_jobs_are_final_iff_they_have_completed_at
    check ((status = any (array['completed'::public.job_status, 'failed'::public.job_status,
      'cancelled'::public.job_status])) = (completed_at is not null)),
  constraint index_jobs_are_pending_until_they_start
    check ( case status when 'pending'::public.job_status then started_at is null when
      'processing'::public.job_status then started_at is not null when
      'completed'::public.job_status then started_at is not null else true end),
  constraint index_jobs_belong_to_one_owner
    check (num_nonnulls(owner_user_id, organization_id) = 1),
  constraint index_jobs_commit_sha_is_a_full_object_id
    check (commit_sha ~ '^[0-9a-f]{40}$'::text),
  constraint index_jobs_completed_at_is_not_before_started_at
    check (completed_at >= coalesce(started_at, created_at)),
  constraint index_jobs_failed_iff_they_have_an_error_message
    check ((status = 'failed'::public.job_status) = (error_message is not null)),
  constraint index_jobs_have_an_attempt_iff_they_started
    check ((attempt > 0) = (started_at is not null)),
  constraint index_jobs_hold_a_lease_only_while_processing
    check (status = 'processing'::public.job_status or lease_expires_at is null and retry_at is null),
  constraint index_jobs_max_attempts_is_reasonable
    check (max_attempts >= 1 and max_attempts <= 100),
  constraint index_jobs_progress_is_an_object
    check (jsonb_typeof(progress) = 'object'::text),
  constraint index_jobs_started_at_is_not_before_created_at
    check (started_at >= created_at),
  constraint index_jobs_stats_are_an_object
    check (jsonb_typeof(stats) = 'object'::text)
) with (fillfactor=85);

create index index_jobs_completed_at_idx on public.index_jobs using btree (completed_at) where
  (completed_at is not null);

create index index_jobs_created_by_idx on public.index_jobs using btree (created_by);

create index index_jobs_organization_id_created_at_id_idx on public.index_jobs using btree
  (organization_id, created_at, id) where (organization_id is not null);

create index index_jobs_owner_user_id_created_at_id_idx on public.index_jobs using btree
  (owner_user_id, created_at, id) where (owner_user_id is not null);

create index index_jobs_pending_idx on public.index_jobs using btree (tenant_id, created_at, id)
  where ((status = 'pending'::public.job_status) and (queue_job_id is null));

create index index_jobs_processing_idx on public.index_jobs using btree (tenant_id, queue_job_id,
  retry_at, id) where (status = 'processing'::public.job_status);

create index index_jobs_repeats_job_id_idx on public.index_jobs using btree (repeats_job_id) where
  (repeats_job_id is not null);

create index index_jobs_repository_id_created_at_id_completed_idx on public.index_jobs using btree
  (repository_id, created_at, id) where (status = 'completed'::public.job_status);

create index index_jobs_repository_id_created_at_id_idx on public.index_jobs using btree
  (repository_id, created_at, id) where (repository_id is not null);

create index index_jobs_repository_id_state_created_at_id_not_completed_idx on public.index_jobs
  using btree (repository_id, ( case when (completed_at is null) then case when (started_at is null)
  then 0 else 1 end when (error_message is null) then 2 else 3 end), created_at, id) where (status
  <> 'completed'::public.job_status);

create index index_jobs_retry_at_idx on public.index_jobs using btree (retry_at, tenant_id) where
  ((retry_at is not null) and (queue_job_id is null));

create index index_jobs_tenant_id_created_at_id_completed_idx on public.index_jobs using btree
  (tenant_id, created_at, id) where (status = 'completed'::public.job_status);

create index index_jobs_tenant_id_state_created_at_id_not_completed_idx on public.index_jobs using
  btree (tenant_id, ( case when (completed_at is null) then case when (started_at is null) then 0
  else 1 end when (error_message is null) then 2 else 3 end), created_at, id) where (status <>
  'completed'::public.job_status);

create trigger index_jobs_broadcast_change after update on public.index_jobs for each row when
  (to_regnamespace('realtime'::text) is not null) execute function private.broadcast_index_job();

create trigger index_jobs_broadcast_creation after insert on public.index_jobs for each row when
  (to_regnamespace('realtime'::text) is not null) execute function private.broadcast_index_job();

create trigger index_jobs_count_deletion after delete on public.index_jobs referencing old table as
  deleted for each statement execute function private.count_deleted_jobs();

create trigger index_jobs_record_change after update on public.index_jobs for each row when
  (old.status <> new.status or old.attempt <> new.attempt or old.cancel_requested_at is distinct
  from new.cancel_requested_at or old.retry_at is distinct from new.retry_at) execute function
  private.record_job_event();

create trigger index_jobs_record_creation after insert on public.index_jobs for each row execute
  function private.record_job_event();
