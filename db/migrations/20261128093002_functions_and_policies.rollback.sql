-- functions_and_policies, undone

-- By hand, above the stamped part: what would keep its functions from being dropped.
do $$
begin
  if to_regprocedure('cron.unschedule(text)') is not null then
    perform cron.unschedule(j.jobname)
    from cron.job as j
    where j.jobname = 'index_jobs: retry_or_fail_stuck_jobs';
  end if;
end;
$$;
alter table public.repositories drop constraint repositories_git_url_is_without_credentials;
drop trigger index_jobs_forget_idempotency_key on public.index_jobs;
drop trigger index_jobs_record_change on public.index_jobs;
drop trigger index_jobs_record_creation on public.index_jobs;
drop trigger indexed_commits_refuse_partial_index on public.indexed_commits;
drop trigger indexed_files_delete_symbols on public.indexed_files;

-- begin stamped part (make migration rewrites it)
grant job_writer, job_gateway, job_tenant to current_user;
grant create on schema public, private to job_writer, job_gateway, job_tenant;

-- stamp deleted: db/functions/update_job_status.sql
drop function public.update_job_status(uuid, text, jsonb, integer, text);
-- end stamp

-- stamp deleted: db/functions/store_index_rows.sql
drop function public.store_index_rows(uuid, integer);
-- end stamp

-- stamp deleted: db/functions/revoke_api_key.sql
drop function public.revoke_api_key(text);
-- end stamp

-- stamp deleted: db/functions/retry_or_fail_stuck_jobs.sql
drop function public.retry_or_fail_stuck_jobs(interval, integer);
-- end stamp

-- stamp deleted: db/functions/report_job_progress.sql
drop function public.report_job_progress(uuid, integer, text, bigint, bigint, interval);
-- end stamp

-- stamp deleted: db/functions/record_index_run.sql
drop function public.record_index_run(uuid, text, jsonb, text, text, text);
-- end stamp

-- stamp deleted: db/functions/purge_finished_jobs.sql
drop function public.purge_finished_jobs(interval, integer);
-- end stamp

-- stamp deleted: db/functions/list_index_jobs.sql
drop function public.list_index_jobs(uuid, uuid, text, timestamptz, text, integer);
-- end stamp

-- stamp deleted: db/functions/list_api_keys.sql
drop function public.list_api_keys();
-- end stamp

-- stamp deleted: db/functions/link_queue_job.sql
drop function public.link_queue_job(uuid, uuid);
-- end stamp

-- stamp deleted: db/functions/get_job_status.sql
drop function public.get_job_status(uuid);
-- end stamp

-- stamp deleted: db/functions/get_job_history.sql
drop function public.get_job_history(uuid);
-- end stamp

-- stamp deleted: db/functions/fail_job_attempt.sql
drop function public.fail_job_attempt(uuid, integer, text, boolean);
-- end stamp

-- stamp deleted: db/functions/ensure_repository.sql
drop function public.ensure_repository(text, text, uuid);
-- end stamp

-- stamp deleted: db/functions/create_index_job.sql
drop function public.create_index_job(uuid, text, text, text);
-- end stamp

-- stamp deleted: db/functions/create_api_key.sql
drop function public.create_api_key(text, timestamptz);
-- end stamp

-- stamp deleted: db/functions/complete_index.sql
drop function public.complete_index(uuid, integer, text, text, uuid, text, jsonb, text, bigint, bigint);
-- end stamp

-- stamp deleted: db/functions/claim_index_job.sql
drop function public.claim_index_job(text, interval);
-- end stamp

-- stamp deleted: db/functions/cancel_index_job.sql
drop function public.cancel_index_job(uuid);
-- end stamp

-- stamp deleted: db/functions/begin_index.sql
drop function public.begin_index(uuid, integer, text);
-- end stamp

-- stamp deleted: db/functions/api_schema_version.sql
drop function public.api_schema_version();
-- end stamp

-- stamp deleted: db/functions/api_list_index_jobs.sql
drop function public.api_list_index_jobs(text, jsonb, text, text, text, timestamptz, text, integer);
-- end stamp

-- stamp deleted: db/functions/api_get_job_status.sql
drop function public.api_get_job_status(text, jsonb, text);
-- end stamp

-- stamp deleted: db/functions/api_get_job_history.sql
drop function public.api_get_job_history(text, jsonb, text);
-- end stamp

-- stamp deleted: db/functions/api_create_index_job.sql
drop function public.api_create_index_job(text, jsonb, text, text, text, text, text, text, integer);
-- end stamp

-- stamp deleted: db/functions/api_cancel_index_job.sql
drop function public.api_cancel_index_job(text, jsonb, text);
-- end stamp

-- stamp deleted: db/functions/api_call_function.sql
drop function public.api_call_function(jsonb, text, text, boolean, jsonb);
-- end stamp

-- stamp deleted: db/functions/api_admin_get_job_status.sql
drop function public.api_admin_get_job_status(jsonb, text, text);
-- end stamp

-- stamp deleted: db/policies/tiers.sql
revoke all on table private.tiers from public, anon, authenticated, service_role, job_gateway;
-- end stamp

-- stamp deleted: db/policies/symbols.sql
drop policy if exists symbols_select_authenticated on public.symbols;
drop policy if exists symbols_all_service_role on public.symbols;
drop policy if exists symbols_select_job_worker on public.symbols;
drop policy if exists symbols_all_job_writer on public.symbols;
revoke all on table public.symbols from public, anon, authenticated, service_role, job_worker, job_writer;
-- end stamp

-- stamp deleted: db/policies/skipped_files.sql
drop policy if exists skipped_files_select_authenticated on public.skipped_files;
drop policy if exists skipped_files_select_workers on public.skipped_files;
drop policy if exists skipped_files_all_job_writer on public.skipped_files;
revoke all on table public.skipped_files from public, anon, authenticated, service_role, job_worker, job_writer;
-- end stamp

-- stamp deleted: db/policies/repositories.sql
drop policy if exists repositories_select_authenticated on public.repositories;
drop policy if exists repositories_insert_authenticated on public.repositories;
drop policy if exists repositories_all_service_role on public.repositories;
drop policy if exists repositories_select_job_writer on public.repositories;
drop policy if exists repositories_update_job_writer on public.repositories;
revoke all on table public.repositories from public, anon, authenticated, service_role, job_writer;
-- end stamp

-- stamp deleted: db/policies/rate_limit_counters.sql
revoke all on table private.rate_limit_counters from public, anon, authenticated, service_role, job_gateway;
-- end stamp

-- stamp deleted: db/policies/organizations.sql
drop policy if exists organizations_select_authenticated on public.organizations;
drop policy if exists organizations_all_service_role on public.organizations;
revoke all on table public.organizations from public, anon, authenticated, service_role;
-- end stamp

-- stamp deleted: db/policies/organization_members.sql
drop policy if exists organization_members_select_authenticated on public.organization_members;
drop policy if exists organization_members_all_service_role on public.organization_members;
drop policy if exists organization_members_select_job_writer on public.organization_members;
revoke all on table public.organization_members from public, anon, authenticated, service_role, job_writer;
-- end stamp

-- stamp deleted: db/policies/job_totals.sql
revoke all on table private.job_totals from public, anon, authenticated, service_role, job_writer;
-- end stamp

-- stamp deleted: db/policies/indexed_files.sql
drop policy if exists indexed_files_select_authenticated on public.indexed_files;
drop policy if exists indexed_files_all_service_role on public.indexed_files;
drop policy if exists indexed_files_select_job_worker on public.indexed_files;
drop policy if exists indexed_files_all_job_writer on public.indexed_files;
revoke all on table public.indexed_files from public, anon, authenticated, service_role, job_worker, job_writer;
-- end stamp

-- stamp deleted: db/policies/indexed_commits.sql
drop policy if exists indexed_commits_select_authenticated on public.indexed_commits;
drop policy if exists indexed_commits_all_service_role on public.indexed_commits;
drop policy if exists indexed_commits_select_job_worker on public.indexed_commits;
drop policy if exists indexed_commits_all_job_writer on public.indexed_commits;
revoke all on table public.indexed_commits from public, anon, authenticated, service_role, job_worker, job_writer;
-- end stamp

-- stamp deleted: db/policies/index_jobs.sql
drop policy if exists index_jobs_select_authenticated on public.index_jobs;
drop policy if exists index_jobs_select_service_role on public.index_jobs;
drop policy if exists index_jobs_all_job_writer on public.index_jobs;
revoke all on table public.index_jobs from public, anon, authenticated, service_role, job_writer;
-- end stamp

-- stamp deleted: db/policies/index_job_events.sql
drop policy if exists index_job_events_select_authenticated on public.index_job_events;
drop policy if exists index_job_events_select_service_role on public.index_job_events;
drop policy if exists index_job_events_select_job_writer on public.index_job_events;
drop policy if exists index_job_events_insert_job_writer on public.index_job_events;
revoke all on table public.index_job_events from public, anon, authenticated, service_role, job_writer;
-- end stamp

-- stamp deleted: db/policies/index_durations.sql
revoke all on table private.index_durations from public, anon, authenticated, service_role, job_writer;
-- end stamp

-- stamp deleted: db/policies/incoming_symbols.sql
revoke all on table private.incoming_symbols from public, anon, authenticated, service_role, job_worker, job_writer;
-- end stamp

-- stamp deleted: db/policies/incoming_skipped.sql
revoke all on table private.incoming_skipped from public, anon, authenticated, service_role, job_worker, job_writer;
-- end stamp

-- stamp deleted: db/policies/incoming_files.sql
revoke all on table private.incoming_files from public, anon, authenticated, service_role, job_worker, job_writer;
-- end stamp

-- stamp deleted: db/policies/gone_files.sql
revoke all on table private.gone_files from public, anon, authenticated, service_role, job_worker, job_writer;
-- end stamp

-- stamp deleted: db/policies/api_keys.sql
revoke all on table private.api_keys from public, anon, authenticated, service_role, job_gateway;
-- end stamp

-- stamp deleted: db/policies/admin_audit.sql
revoke all on table private.admin_audit from public, anon, authenticated, service_role, job_writer;
-- end stamp

-- stamp deleted: db/policies/accounts.sql
revoke all on table private.accounts from public, anon, authenticated, service_role, job_gateway;
-- end stamp

-- stamp deleted: db/functions/private/uuid_v7.sql
drop function private.uuid_v7();
-- end stamp

-- stamp deleted: db/functions/private/store_index.sql
drop function private.store_index(public.index_jobs, boolean, jsonb);
-- end stamp

-- stamp deleted: db/functions/private/store_incoming_rows.sql
drop function private.store_incoming_rows(public.index_jobs);
-- end stamp

-- stamp deleted: db/functions/private/rollout_bucket.sql
drop function private.rollout_bucket(uuid);
-- end stamp

-- stamp deleted: db/functions/private/retry_delay.sql
drop function private.retry_delay(integer);
-- end stamp

-- stamp deleted: db/functions/private/rest_conditions.sql
drop function private.rest_conditions(text, jsonb);
-- end stamp

-- stamp deleted: db/functions/private/request_index_job.sql
drop function private.request_index_job(uuid, text, text, text);
-- end stamp

-- stamp deleted: db/functions/private/refuse_partial_index.sql
drop function private.refuse_partial_index();
-- end stamp

-- stamp deleted: db/functions/private/record_job_event.sql
drop function private.record_job_event();
-- end stamp

-- stamp deleted: db/functions/private/record_index_duration.sql
drop function private.record_index_duration(public.index_jobs);
-- end stamp

-- stamp deleted: db/functions/private/read_job_for_admin.sql
drop function private.read_job_for_admin(uuid, text, text);
-- end stamp

-- stamp deleted: db/functions/private/read_indexed_commit.sql
drop function private.read_indexed_commit(uuid, text);
-- end stamp

-- stamp deleted: db/functions/private/read_api_keys.sql
drop function private.read_api_keys();
-- end stamp

-- stamp deleted: db/functions/private/parse_uuid.sql
drop function private.parse_uuid(text);
-- end stamp

-- stamp deleted: db/functions/private/parse_status.sql
drop function private.parse_status(text);
-- end stamp

-- stamp deleted: db/functions/private/parse_cursor.sql
drop function private.parse_cursor(text);
-- end stamp

-- stamp deleted: db/functions/private/lock_repository_of_job.sql
drop function private.lock_repository_of_job(uuid, integer);
-- end stamp

-- stamp deleted: db/functions/private/lock_index_job.sql
drop function private.lock_index_job(uuid);
-- end stamp

-- stamp deleted: db/functions/private/lock_free_job.sql
drop function private.lock_free_job();
-- end stamp

-- stamp deleted: db/functions/private/job_transitions.sql
drop function private.job_transitions();
-- end stamp

-- stamp deleted: db/functions/private/job_attempts.sql
drop function private.job_attempts(uuid);
-- end stamp

-- stamp deleted: db/functions/private/issue_api_key.sql
drop function private.issue_api_key(text, timestamptz);
-- end stamp

-- stamp deleted: db/functions/private/is_git_url.sql
drop function private.is_git_url(text);
-- end stamp

-- stamp deleted: db/functions/private/is_git_ref.sql
drop function private.is_git_ref(text);
-- end stamp

-- stamp deleted: db/functions/private/is_final.sql
drop function private.is_final(public.job_status);
-- end stamp

-- stamp deleted: db/functions/private/insert_index_job.sql
drop function private.insert_index_job(uuid, text, text, text, uuid);
-- end stamp

-- stamp deleted: db/functions/private/identify_caller.sql
drop function private.identify_caller(text, jsonb);
-- end stamp

-- stamp deleted: db/functions/private/forget_idempotency_key.sql
drop function private.forget_idempotency_key();
-- end stamp

-- stamp deleted: db/functions/private/find_organization.sql
drop function private.find_organization(text);
-- end stamp

-- stamp deleted: db/functions/private/exposed_functions.sql
drop function private.exposed_functions(text);
-- end stamp

-- stamp deleted: db/functions/private/end_attempt.sql
drop function private.end_attempt(public.index_jobs, timestamptz, text, boolean);
-- end stamp

-- stamp deleted: db/functions/private/disable_api_key.sql
drop function private.disable_api_key(text);
-- end stamp

-- stamp deleted: db/functions/private/delete_symbols_of_files.sql
drop function private.delete_symbols_of_files();
-- end stamp

-- stamp deleted: db/functions/private/delete_orphaned_rows.sql
drop function private.delete_orphaned_rows();
-- end stamp

-- stamp deleted: db/functions/private/delete_incoming_rows.sql
drop function private.delete_incoming_rows();
-- end stamp

-- stamp deleted: db/functions/private/delete_gone_files.sql
drop function private.delete_gone_files(public.index_jobs);
-- end stamp

-- stamp deleted: db/functions/private/delete_files_of_other_jobs.sql
drop function private.delete_files_of_other_jobs(public.index_jobs);
-- end stamp

-- stamp deleted: db/functions/private/current_user_id.sql
drop function private.current_user_id();
-- end stamp

-- stamp deleted: db/functions/private/count_request.sql
drop function private.count_request(private.api_caller);
-- end stamp

-- stamp deleted: db/functions/private/clock.sql
drop function private.clock();
-- end stamp

-- stamp deleted: db/functions/private/clean_error.sql
drop function private.clean_error(text);
-- end stamp

-- stamp deleted: db/functions/private/check_lease.sql
drop function private.check_lease(interval);
-- end stamp

-- stamp deleted: db/functions/private/check_job_metadata.sql
drop function private.check_job_metadata(public.job_status, jsonb);
-- end stamp

-- stamp deleted: db/functions/private/check_batch.sql
drop function private.check_batch(interval, integer);
-- end stamp

-- stamp deleted: db/functions/private/check_attempt.sql
drop function private.check_attempt(public.index_jobs, integer);
-- end stamp

-- stamp deleted: db/functions/private/cancel_job.sql
drop function private.cancel_job(uuid);
-- end stamp

-- stamp deleted: db/functions/private/answer.sql
drop function private.answer(private.api_caller, integer);
-- end stamp

revoke create on schema public, private from job_writer, job_gateway, job_tenant;
revoke job_writer, job_gateway, job_tenant from current_user;
-- end stamped part

notify pgrst, 'reload schema';
comment on schema private is 'schema version 20261128093001, text e85b4858e228, serves 20261128093000';
