-- create_index_jobs

set local lock_timeout = '250ms';

-- The roles below belong to the server. If another installation has created them, its logins are
-- members of the same roles, and could read and claim the jobs here. So CONNECT is revoked from
-- PUBLIC. Logins that could connect get their own grant, except such members; later logins need
-- one. A Supabase project has a server of its own, so this does not apply there.
do $$
declare
  v_login text;
  v_has_others boolean := exists (
    select from pg_catalog.pg_roles as r where r.rolname = 'job_writer');
begin
  if not has_database_privilege('public', current_database(), 'connect')
    or exists (select from pg_catalog.pg_roles as r where r.rolname = 'supabase_admin')
    or not (select pg_has_role(d.datdba, 'usage')
      from pg_catalog.pg_database as d where d.datname = current_database())
  then
    return;
  end if;
  for v_login in
    select r.rolname
    from pg_catalog.pg_roles as r
    where r.rolcanlogin and not r.rolsuper
      and (not v_has_others or r.rolname = session_user or not exists (
        select from pg_catalog.pg_roles as g
        where g.rolname in (
            'service_role', 'job_http', 'job_worker', 'job_writer', 'job_gateway', 'job_tenant')
          and pg_has_role(r.oid, g.oid, 'member')))
  loop
    execute format('grant connect on database %I to %I', current_database(), v_login);
  end loop;
  execute format('revoke connect on database %I from public', current_database());
end;
$$;

do $$
declare
  v_role text;
begin
  foreach v_role in array array[
    'job_writer', 'job_gateway', 'job_tenant', 'job_http', 'job_worker'] loop
    if not exists (select 1 from pg_catalog.pg_roles as r where r.rolname = v_role) then
      begin
        execute format('create role %I nologin nobypassrls', v_role);
      exception when duplicate_object or unique_violation then
        null;  -- another database of this cluster created it at the same moment
      end;
    end if;
  end loop;
end;
$$;

grant authenticated to job_gateway, job_tenant;
grant usage on schema public to job_writer, job_gateway, job_http, job_worker;

create schema private;
revoke all on schema private from public;
grant usage on schema private
  to authenticated, service_role, job_writer, job_gateway, job_http, job_worker;

create type public.job_status as enum ('pending', 'processing', 'completed', 'failed', 'cancelled');
comment on type public.job_status is
  'The state of a job. completed, failed and cancelled are final; a job never moves backward.';

create table public.organizations (
  id uuid primary key default gen_random_uuid(),
  slug text not null unique,
  name text not null,
  created_at timestamptz not null default clock_timestamp(),
  constraint organizations_slug_is_a_dns_label check (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
  constraint organizations_name_is_not_empty check (btrim(name) <> '' and length(name) <= 200)
);
comment on table public.organizations is 'Groups of users that share repositories and their jobs.';
comment on column public.organizations.slug is 'The name used in requests, a DNS label.';
comment on column public.organizations.name is 'The name shown to people.';
comment on column public.organizations.created_at is 'When the row was created.';
comment on column public.organizations.id is 'Primary key.';

create table public.organization_members (
  organization_id uuid not null references public.organizations on delete cascade,
  user_id uuid not null references auth.users on delete cascade,
  role text not null default 'member',
  created_at timestamptz not null default clock_timestamp(),
  primary key (organization_id, user_id),
  constraint organization_members_role_is_known check (role in ('owner', 'admin', 'member'))
);
create index organization_members_user_id_idx on public.organization_members (user_id);
comment on table public.organization_members is
  'The members of each organization, with their roles.';
comment on column public.organization_members.organization_id is 'The organization.';
comment on column public.organization_members.user_id is 'The member, a user of auth.users.';
comment on column public.organization_members.role is 'owner, admin or member.';
comment on column public.organization_members.created_at is 'When the user joined.';

create table public.repositories (
  id uuid primary key default gen_random_uuid(),
  full_name text not null,
  git_url text not null,
  owner_user_id uuid references auth.users on delete cascade,
  organization_id uuid references public.organizations on delete cascade,
  created_at timestamptz not null default clock_timestamp(),
  constraint repositories_belong_to_one_owner
    check (num_nonnulls(owner_user_id, organization_id) = 1)
);
create unique index repositories_owner_user_id_full_name_idx
  on public.repositories (owner_user_id, full_name) where owner_user_id is not null;
create unique index repositories_organization_id_full_name_idx
  on public.repositories (organization_id, full_name) where organization_id is not null;
comment on table public.repositories is
  'Git repositories, each owned by exactly one user or one organization.';
comment on column public.repositories.id is 'Primary key.';
comment on column public.repositories.full_name is 'owner/name, unique for each owner.';
comment on column public.repositories.git_url is
  'Where the indexer clones from: an https URL, or a local path if a setting allows it.';
comment on column public.repositories.owner_user_id is 'The owning user, or null.';
comment on column public.repositories.organization_id is 'The owning organization, or null.';
comment on column public.repositories.created_at is 'When the row was created.';

create table public.index_jobs (
  id uuid primary key,
  repository_id uuid not null references public.repositories on delete cascade,
  repository text not null,
  owner_user_id uuid references auth.users on delete cascade,
  organization_id uuid references public.organizations on delete cascade,
  tenant_id uuid not null
    generated always as (coalesce(organization_id, owner_user_id)) stored,
  created_by uuid references auth.users on delete set null,
  ref text not null default 'HEAD',
  status public.job_status not null default 'pending',
  attempt integer not null default 0,
  max_attempts integer not null default 3,
  worker_id uuid,
  progress jsonb,
  stats jsonb,
  error_message text,
  last_error text,
  created_at timestamptz not null,
  started_at timestamptz,
  completed_at timestamptz,
  heartbeat_at timestamptz,
  lease_expires_at timestamptz,
  retry_at timestamptz,
  cancel_requested_at timestamptz,
  updated_at timestamptz not null,
  version bigint not null default 1,
  repeats_job_id uuid,
  constraint index_jobs_belong_to_one_owner
    check (num_nonnulls(owner_user_id, organization_id) = 1),
  constraint index_jobs_are_final_iff_they_have_completed_at
    check ((status in ('completed', 'failed', 'cancelled')) = (completed_at is not null)),
  constraint index_jobs_failed_iff_they_have_an_error_message
    check ((status = 'failed') = (error_message is not null)),
  constraint index_jobs_started_at_is_not_before_created_at check (started_at >= created_at),
  constraint index_jobs_completed_at_is_not_before_started_at
    check (completed_at >= coalesce(started_at, created_at)),
  constraint index_jobs_have_an_attempt_iff_they_started
    check ((attempt > 0) = (started_at is not null)),
  constraint index_jobs_are_pending_until_they_start
    check (case status when 'pending' then started_at is null
                       when 'processing' then started_at is not null
                       when 'completed' then started_at is not null
                       else true end),
  constraint index_jobs_hold_a_lease_only_while_processing
    check (status = 'processing' or (lease_expires_at is null and retry_at is null)),
  constraint index_jobs_max_attempts_is_reasonable check (max_attempts between 1 and 100),
  constraint index_jobs_progress_is_an_object check (jsonb_typeof(progress) = 'object'),
  constraint index_jobs_stats_are_an_object check (jsonb_typeof(stats) = 'object')
) with (fillfactor = 85);
-- The condition "is not null" leaves the primary key as the only index for a job's id, even if the
-- planner's statistics say that the table is empty.
create index index_jobs_repository_id_created_at_id_idx
  on public.index_jobs (repository_id, created_at, id) where repository_id is not null;
create index index_jobs_owner_user_id_created_at_id_idx
  on public.index_jobs (owner_user_id, created_at, id) where owner_user_id is not null;
create index index_jobs_organization_id_created_at_id_idx
  on public.index_jobs (organization_id, created_at, id) where organization_id is not null;
create index index_jobs_created_by_idx on public.index_jobs (created_by);
-- Each list by status has its own index. The status of a job that is not completed follows from
-- columns that are null or not: see docs/performance.md, Indexes under row-level security.
create index index_jobs_tenant_id_state_created_at_id_not_completed_idx
  on public.index_jobs (
    tenant_id,
    (case when completed_at is null then case when started_at is null then 0 else 1 end
      when error_message is null then 2 else 3 end),
    created_at, id)
  where status <> 'completed';
create index index_jobs_tenant_id_created_at_id_completed_idx
  on public.index_jobs (tenant_id, created_at, id) where status = 'completed';
create index index_jobs_repository_id_state_created_at_id_not_completed_idx
  on public.index_jobs (
    repository_id,
    (case when completed_at is null then case when started_at is null then 0 else 1 end
      when error_message is null then 2 else 3 end),
    created_at, id)
  where status <> 'completed';
create index index_jobs_repository_id_created_at_id_completed_idx
  on public.index_jobs (repository_id, created_at, id) where status = 'completed';
create index index_jobs_completed_at_idx
  on public.index_jobs (completed_at) where completed_at is not null;
create index index_jobs_repeats_job_id_idx
  on public.index_jobs (repeats_job_id) where repeats_job_id is not null;
comment on table public.index_jobs is
  'One row per indexing job, with its whole state. Changed only by functions.';
comment on column public.index_jobs.id is 'Primary key, a version 7 UUID.';
comment on column public.index_jobs.repository_id is 'The repository that is indexed.';
comment on column public.index_jobs.repository is
  'The full name of the repository when the job was created.';
comment on column public.index_jobs.owner_user_id is
  'The user who owned the repository when the job was created; kept when the repository moves.';
comment on column public.index_jobs.organization_id is
  'The organization that owned the repository when the job was created; kept when it moves.';
comment on column public.index_jobs.tenant_id is
  'The tenant of the job: organization_id if there is one, else owner_user_id.';
comment on column public.index_jobs.created_by is
  'The user who created the job; null if the service did, or if the user was deleted.';
comment on column public.index_jobs.ref is
  'The requested branch, tag or commit; HEAD is the default branch.';
comment on column public.index_jobs.status is
  'pending, processing, completed, failed or cancelled.';
comment on column public.index_jobs.attempt is
  'How often a worker has started this job. A worker that passes an older number is refused.';
comment on column public.index_jobs.max_attempts is 'How often a worker may start it.';
comment on column public.index_jobs.worker_id is
  'The worker of the current or last attempt; the id reveals nothing about its machine.';
comment on column public.index_jobs.progress is
  'Progress of the current attempt: {"phase": text, "done": count, "total": count or null}.';
comment on column public.index_jobs.stats is
  'The result in figures, such as files_indexed and symbols_extracted; at most 16 kB.';
comment on column public.index_jobs.error_message is 'Why the job failed; set only if it failed.';
comment on column public.index_jobs.last_error is
  'Why the last failed attempt failed, while the job is not completed.';
comment on column public.index_jobs.created_at is 'When the job was created.';
comment on column public.index_jobs.started_at is 'When the first attempt started.';
comment on column public.index_jobs.completed_at is
  'When the job reached its final status; null before.';
comment on column public.index_jobs.heartbeat_at is 'The last heartbeat of the current attempt.';
comment on column public.index_jobs.lease_expires_at is
  'When the lease of the worker ends; after that another worker may take the job.';
comment on column public.index_jobs.retry_at is
  'When the next attempt may start, after a failed one.';
comment on column public.index_jobs.cancel_requested_at is 'When a user asked to cancel.';
comment on column public.index_jobs.updated_at is 'When the row last changed visibly.';
comment on column public.index_jobs.version is
  'Grows with every visible change, including progress, but not with heartbeats. Used as the ETag.';
comment on column public.index_jobs.repeats_job_id is
  'The ended job that support repeated with this one, or null; it may have been purged.';

-- For claims: the tenant served last, as the two halves of its id, and the second in which a claim
-- last found no expired lease. No transaction locks a sequence. After a crash, turns start over.
create unlogged sequence private.claim_cursor_high minvalue -9223372036854775808 start 0;
create unlogged sequence private.claim_cursor_low minvalue -9223372036854775808 start 0;
create unlogged sequence private.claim_lease_check minvalue 0 start 0;

create table public.index_job_events (
  job_id uuid not null references public.index_jobs on delete cascade,
  event_no integer not null,
  from_status public.job_status,
  to_status public.job_status not null,
  attempt integer not null,
  at timestamptz not null,
  worker_id uuid,
  version bigint not null,
  detail jsonb not null default '{}',
  primary key (job_id, event_no),
  constraint index_job_events_are_numbered_from_one check (event_no >= 1)
);
comment on table public.index_job_events is
  'The history of each job, append-only, written in the transaction that changes the job.';
comment on column public.index_job_events.job_id is 'The job.';
comment on column public.index_job_events.event_no is '1, 2, 3 … per job, without gaps.';
comment on column public.index_job_events.from_status is
  'The status before; null for the creation of the job.';
comment on column public.index_job_events.to_status is 'The status after.';
comment on column public.index_job_events.attempt is 'The attempt after the change.';
comment on column public.index_job_events.at is 'When it happened.';
comment on column public.index_job_events.worker_id is 'The worker after the change.';
comment on column public.index_job_events.version is 'The version of the job after the change.';
comment on column public.index_job_events.detail is
  'Details by kind: {"error": text}, why the previous attempt ended; {"retry_at": time}, it ended '
  'and the next one may start at that time; {"handed_back": true}, its worker gave the job back; '
  '{"cancel_requested": true}.';

create table private.idempotency_keys (
  key text not null,
  user_id uuid references auth.users on delete cascade,
  request_hash text not null,
  job_id uuid not null
    references public.index_jobs on delete cascade deferrable initially deferred,
  unique nulls not distinct (user_id, key)
);
create index idempotency_keys_job_id_idx on private.idempotency_keys (job_id);
alter table private.idempotency_keys replica identity full;
comment on table private.idempotency_keys is
  'Idempotency keys: a repeated create returns the first job. Deleted with that job.';
comment on column private.idempotency_keys.key is 'The key, as the caller sent it.';
comment on column private.idempotency_keys.user_id is 'The user who sent it; null for the service.';
comment on column private.idempotency_keys.request_hash is
  'SHA-256 of the request that came with the key, in hex.';
comment on column private.idempotency_keys.job_id is 'The job that was created.';

create table private.queue_attempts (
  job_id uuid primary key references public.index_jobs on delete cascade,
  queue_attempt integer not null,
  constraint queue_attempts_are_counted_from_zero check (queue_attempt >= 0)
);
comment on table private.queue_attempts is
  'The newest run of each job that an external queue runs, by the queue''s own count.';
comment on column private.queue_attempts.job_id is 'The job.';
comment on column private.queue_attempts.queue_attempt is
  'How often the queue had run the job before, such as retryCount in pg-boss.';

create unlogged table private.runners (
  worker_id uuid primary key,
  host text,
  pid integer,
  release text,
  slots integer,
  busy integer,
  seen_at timestamptz not null
) with (fillfactor = 50);
comment on table private.runners is
  'The workers seen recently: those that claim, and what they report about themselves. Empty '
  'after a crash of the server, until they are seen again.';
comment on column private.runners.worker_id is 'The worker.';
comment on column private.runners.host is 'The name of its machine.';
comment on column private.runners.pid is 'Its process there.';
comment on column private.runners.release is 'Its release.';
comment on column private.runners.slots is 'How many jobs it can run at once.';
comment on column private.runners.busy is 'How many jobs it is running.';
comment on column private.runners.seen_at is 'When it last claimed or reported.';

create table private.development (
  made_by text not null,
  at timestamptz not null default clock_timestamp()
);
comment on table private.development is
  'A row marks the database as one for development, which may be seeded or reset.';
comment on column private.development.made_by is 'The command that marked it.';
comment on column private.development.at is 'When.';

create table public.indexed_commits (
  repository_id uuid primary key references public.repositories on delete cascade,
  job_id uuid not null,
  commit_sha text not null,
  extractor text not null,
  stats jsonb not null,
  constraint indexed_commits_stats_are_an_object check (jsonb_typeof(stats) = 'object')
);
comment on table public.indexed_commits is
  'The commit of each repository''s indexed_files and symbols.';
comment on column public.indexed_commits.repository_id is 'The repository.';
comment on column public.indexed_commits.job_id is
  'The job that stored them; it may have been purged.';
comment on column public.indexed_commits.commit_sha is 'The commit.';
comment on column public.indexed_commits.extractor is
  'Fingerprint of the extractor that produced them; another extractor replaces all of them.';
comment on column public.indexed_commits.stats is 'The stats of that job.';

-- No foreign key to the job: rows outlive it, and a purge would have to update each of them.
create table public.indexed_files (
  id bigint generated always as identity primary key,
  repository_id uuid not null references public.repositories on delete cascade,
  job_id uuid,
  path text not null,
  language text,
  bytes bigint not null,
  blob_sha text not null,
  symbol_count integer,
  unique (repository_id, path),
  constraint indexed_files_bytes_are_not_negative check (bytes >= 0),
  constraint indexed_files_symbol_count_is_not_negative check (symbol_count >= 0)
);
comment on table public.indexed_files is
  'The files of each repository as of its last completed job, brought up to date in one transaction.';
comment on column public.indexed_files.id is 'Primary key.';
comment on column public.indexed_files.repository_id is 'The repository.';
comment on column public.indexed_files.job_id is
  'The job that stored the row; later jobs keep it while path and content are unchanged. It may '
  'have been purged.';
comment on column public.indexed_files.path is 'Path inside the repository.';
comment on column public.indexed_files.language is 'Programming language; null if unknown.';
comment on column public.indexed_files.bytes is 'Size in bytes.';
comment on column public.indexed_files.blob_sha is 'Git''s object id of the content.';
comment on column public.indexed_files.symbol_count is
  'Number of symbols; null if they could not be extracted, and the next job tries again.';

-- No foreign key: see private.delete_symbols_of_files.
create table public.symbols (
  id bigint generated always as identity primary key,
  repository_id uuid not null,
  file_id bigint not null,
  name text not null,
  kind text not null,
  start_line integer not null,
  end_line integer not null,
  parent text,
  constraint symbols_end_line_is_not_before_start_line check (end_line >= start_line)
);
create index symbols_repository_id_name_id_idx
  on public.symbols (repository_id, name collate "C", id);
create index symbols_repository_id_file_id_idx on public.symbols (repository_id, file_id);
comment on table public.symbols is 'The definitions found in indexed_files.';
comment on column public.symbols.id is 'Primary key.';
comment on column public.symbols.repository_id is 'The repository.';
comment on column public.symbols.file_id is 'The file.';
comment on column public.symbols.name is 'The symbol''s name.';
comment on column public.symbols.kind is
  'function, method, class, interface, type, enum, constant …: one word in lower case.';
comment on column public.symbols.start_line is 'First line, from 1.';
comment on column public.symbols.end_line is 'Last line, from 1.';
comment on column public.symbols.parent is 'The enclosing definition, or null.';

create table public.skipped_files (
  id bigint generated always as identity primary key,
  repository_id uuid not null references public.repositories on delete cascade,
  job_id uuid not null,
  path text not null,
  reason text not null,
  constraint skipped_files_reason_is_a_word_in_lower_case check (reason ~ '^[a-z_]{1,40}$')
);
create index skipped_files_repository_id_id_idx on public.skipped_files (repository_id, id);
comment on table public.skipped_files is
  'The files that the last completed job of each repository did not index: the first 10,000.';
comment on column public.skipped_files.id is
  'Primary key, in the order in which the indexer met them.';
comment on column public.skipped_files.repository_id is 'The repository.';
comment on column public.skipped_files.job_id is 'The job; it may have been purged.';
comment on column public.skipped_files.path is
  'Path inside the repository, the first 2,000 characters.';
comment on column public.skipped_files.reason is
  'binary, generated, vendored, oversized …: one word in lower case, counted in the job''s stats.';

-- Staging tables, to which workers COPY the rows of an index. A row belongs to the transaction that
-- sent it, and only complete_index of that transaction reads it, so rows of a dead worker are never
-- read. Unlogged, without row-level security (COPY FROM refuses it), and never analyzed, because
-- that would make other workers wait. Autovacuum is triggered only by dead rows.
create unlogged table private.incoming_files (
  transaction xid8 not null default pg_current_xact_id(),
  file_no integer not null,
  path text not null,
  language text,
  bytes bigint not null,
  blob_sha text not null,
  symbol_count integer
)
  with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000,
    autovacuum_vacuum_insert_threshold = -1);
comment on table private.incoming_files is
  'Files that a worker is about to store.';
comment on column private.incoming_files.transaction is 'The transaction that sent the row.';
comment on column private.incoming_files.file_no is
  'A number chosen by the worker, to which the symbols of the file refer.';
comment on column private.incoming_files.path is 'As in indexed_files.';
comment on column private.incoming_files.language is 'As in indexed_files.';
comment on column private.incoming_files.bytes is 'As in indexed_files.';
comment on column private.incoming_files.blob_sha is 'As in indexed_files.';
comment on column private.incoming_files.symbol_count is 'As in indexed_files.';

create unlogged table private.incoming_symbols (
  transaction xid8 not null default pg_current_xact_id(),
  file_no integer not null,
  name text not null,
  kind text not null,
  start_line integer not null,
  end_line integer not null,
  parent text
)
  with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000,
    autovacuum_vacuum_insert_threshold = -1);
comment on table private.incoming_symbols is
  'Symbols that a worker is about to store.';
comment on column private.incoming_symbols.transaction is 'The transaction that sent the row.';
comment on column private.incoming_symbols.file_no is 'The file, by its number in incoming_files.';
comment on column private.incoming_symbols.name is 'As in symbols.';
comment on column private.incoming_symbols.kind is 'As in symbols.';
comment on column private.incoming_symbols.start_line is 'As in symbols.';
comment on column private.incoming_symbols.end_line is 'As in symbols.';
comment on column private.incoming_symbols.parent is 'As in symbols.';

create unlogged table private.incoming_skipped (
  transaction xid8 not null default pg_current_xact_id(),
  path text not null,
  reason text not null
)
  with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000,
    autovacuum_vacuum_insert_threshold = -1);
comment on table private.incoming_skipped is
  'Skipped files that a worker is about to store, at most 10,000.';
comment on column private.incoming_skipped.transaction is 'The transaction that sent the row.';
comment on column private.incoming_skipped.path is 'As in skipped_files.';
comment on column private.incoming_skipped.reason is 'As in skipped_files.';

create unlogged table private.gone_files (
  transaction xid8 not null default pg_current_xact_id(),
  id bigint not null
)
  with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000,
    autovacuum_vacuum_insert_threshold = -1);
comment on table private.gone_files is
  'Files that a worker has found deleted or changed since the last index.';
comment on column private.gone_files.transaction is 'The transaction that sent the row.';
comment on column private.gone_files.id is 'The id in indexed_files.';

create table private.index_durations (
  id bigint generated always as identity primary key,
  repository_id uuid not null references public.repositories on delete cascade,
  commit_sha text not null,
  bytes bigint not null,
  bytes_unchanged bigint not null,
  seconds double precision not null,
  ended_at timestamptz not null
);
create index index_durations_repository_id_id_idx
  on private.index_durations (repository_id, id);
comment on table private.index_durations is
  'How long the last 20 completed jobs of each repository took, for estimates.';
comment on column private.index_durations.id is 'Primary key.';
comment on column private.index_durations.repository_id is 'The repository.';
comment on column private.index_durations.commit_sha is 'The commit.';
comment on column private.index_durations.bytes is 'The size of its indexed files.';
comment on column private.index_durations.bytes_unchanged is
  'How much of that was already stored and did not have to be read.';
comment on column private.index_durations.seconds is
  'From the start of the attempt that completed the job to its end.';
comment on column private.index_durations.ended_at is 'When the job was completed.';

create table private.tiers (
  name text primary key,
  requests_per_hour integer not null,
  constraint tiers_requests_per_hour_is_positive check (requests_per_hour > 0)
);
insert into private.tiers (name, requests_per_hour)
values ('free', 100), ('solo', 1000), ('team', 10000);
comment on table private.tiers is 'The quota of each tier.';
comment on column private.tiers.name is 'free, solo or team.';
comment on column private.tiers.requests_per_hour is 'Requests per user and clock hour.';

create table private.accounts (
  user_id uuid primary key references auth.users on delete cascade,
  tier text not null default 'free' references private.tiers on update cascade
);
create index accounts_tier_idx on private.accounts (tier);
comment on table private.accounts is
  'The tier of each user; a user without a row is on the free tier.';
comment on column private.accounts.user_id is 'The user.';
comment on column private.accounts.tier is 'The tier.';

create table private.api_keys (
  id text primary key,
  user_id uuid not null references auth.users on delete cascade,
  name text not null,
  secret_hash bytea not null,
  enabled boolean not null default true,
  created_at timestamptz not null,
  expires_at timestamptz,
  last_used_at timestamptz,
  constraint api_keys_name_is_not_empty check (btrim(name) <> '' and length(name) <= 100)
);
create index api_keys_user_id_created_at_idx on private.api_keys (user_id, created_at);
comment on table private.api_keys is 'API keys. Only the hash of the secret is stored.';
comment on column private.api_keys.id is 'The public part of the key, 16 hex digits.';
comment on column private.api_keys.user_id is 'The owner of the key.';
comment on column private.api_keys.name is 'The name given by its owner.';
comment on column private.api_keys.secret_hash is 'SHA-256 of the secret part.';
comment on column private.api_keys.enabled is 'False once revoked.';
comment on column private.api_keys.created_at is 'When it was created.';
comment on column private.api_keys.expires_at is 'When it stops working; null for never.';
comment on column private.api_keys.last_used_at is 'When it was last used, to the hour.';

create unlogged table private.rate_limit_counters (
  user_id uuid primary key,
  window_start timestamptz not null,
  requests integer not null
) with (fillfactor = 50);
comment on table private.rate_limit_counters is
  'Requests of each user in the current clock hour. Unlogged: after a crash all counts are zero.';
comment on column private.rate_limit_counters.user_id is 'The user.';
comment on column private.rate_limit_counters.window_start is 'The clock hour, in UTC.';
comment on column private.rate_limit_counters.requests is 'Number of requests in that hour.';

create table private.admin_audit (
  id bigint generated always as identity primary key,
  at timestamptz not null,
  actor text not null,
  action text not null,
  job_id uuid,
  reason text,
  outcome text not null
);
comment on table private.admin_audit is 'What support read, did or tried to do.';
comment on column private.admin_audit.id is 'Primary key.';
comment on column private.admin_audit.at is 'When.';
comment on column private.admin_audit.actor is
  'The sub claim of the service token, or service_role.';
comment on column private.admin_audit.action is 'What was done.';
comment on column private.admin_audit.job_id is 'The requested job id, whether it exists or not.';
comment on column private.admin_audit.reason is 'The reason given by the caller.';
comment on column private.admin_audit.outcome is 'ok, or the code of the refusal.';

-- No rights until the policies grant them: Supabase's default privileges grant to the API roles.
do $$
declare
  v_table text;
begin
  foreach v_table in array array[
    'organizations', 'organization_members', 'repositories', 'index_jobs', 'index_job_events',
    'indexed_commits', 'indexed_files', 'skipped_files', 'symbols'] loop
    execute format('alter table public.%I enable row level security', v_table);
    execute format('alter table public.%I force row level security', v_table);
    execute format(
      'revoke all on table public.%I from public, anon, authenticated, service_role', v_table);
  end loop;
end;
$$;

create type private.api_caller as (
  user_id uuid,
  window_start timestamptz,
  rate_limit integer,
  requests integer
);
comment on type private.api_caller is
  'The caller of an api_ function: user, start of the clock hour, its limit, requests so far.';

create type private.api_answer as (
  verdict text,
  code text,
  message text,
  hint text,
  field text,
  body text,
  job_id uuid,
  job_status text,
  job_version bigint,
  rate_limit integer,
  rate_remaining integer,
  rate_reset bigint,
  next_cursor text,
  job_age integer,
  user_id uuid
);
comment on type private.api_answer is
  'The answer of an api_ function: ok or the SQLSTATE of a refusal with its code, message, hint and '
  'field; the body as JSON text; the quota (reset in Unix seconds), null for an unknown caller; '
  'the cursor of the next page of a list; the seconds since a job started to wait or to run, null '
  'after its end; the caller, for work that continues after the answer.';

notify pgrst, 'reload schema';
comment on schema private is 'schema version 20261128093000, text ed7ddf31243c, serves 20261128093000';
