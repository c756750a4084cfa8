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
do $$
begin
  if exists (
    select from pg_catalog.pg_policies as p
    where p.schemaname = 'realtime' and p.policyname = 'index_jobs_select_authenticated')
  then
    drop policy index_jobs_select_authenticated on realtime.messages;
  end if;
end;
$$;
alter table public.repositories
  drop constraint repositories_git_url_is_without_credentials,
  drop constraint repositories_full_name_is_a_path;
drop trigger index_jobs_count_deletion on public.index_jobs;
drop trigger index_jobs_broadcast_change on public.index_jobs;
drop trigger index_jobs_broadcast_creation on public.index_jobs;
drop trigger index_jobs_record_change on public.index_jobs;
drop trigger index_jobs_record_creation on public.index_jobs;
drop trigger indexed_commits_refuse_partial_index on public.indexed_commits;
drop trigger indexed_files_delete_symbols on public.indexed_files;

-- begin stamped part (make migration rewrites it)
grant job_writer, job_gateway, job_tenant to current_user;
grant create on schema public, private to job_writer, job_gateway, job_tenant;
drop function public.update_job_status(uuid, text, jsonb, integer, text);
drop function public.store_index_rows(uuid, integer);
drop function public.revoke_api_key(text);
drop function public.retry_or_fail_stuck_jobs(interval, integer);
drop function public.report_runner(text, text, integer, text, integer, integer);
drop function public.report_job_progress(uuid, integer, text, bigint, bigint, interval);
drop function public.record_index_run(uuid, text, jsonb, text, text, text);
drop function public.purge_finished_jobs(interval, integer);
drop function public.list_skipped_files(uuid, text, text, integer);
drop function public.list_indexed_files(uuid, text, integer);
drop function public.list_index_jobs(uuid, uuid, text, timestamptz, text, integer);
drop function public.list_api_keys();
drop function public.link_queue_job(uuid, uuid);
drop function public.job_counts(uuid, timestamptz);
drop function public.get_job_status(uuid);
drop function public.get_job_history(uuid);
drop function public.find_symbols(uuid, text, text, text, integer);
drop function public.fail_job_attempt(uuid, integer, text, boolean);
drop function public.explain_index_job(uuid);
drop function public.ensure_repository(text, text, uuid);
drop function public.create_index_job(uuid, text, text, text);
drop function public.create_api_key(text, timestamptz);
drop function public.complete_index(uuid, integer, text, text, uuid, text, jsonb, text, bigint, bigint);
drop function public.claim_index_job(text, interval, uuid[]);
drop function public.cancel_index_job(uuid);
drop function public.begin_index(uuid, integer, text);
drop function public.api_watch_jobs(uuid[], bigint[]);
drop function public.api_status();
drop function public.api_schema_version();
drop function public.api_recheck_followers(text[], text[], uuid[]);
drop function public.api_list_skipped_files(text, jsonb, text, text, text, integer);
drop function public.api_list_indexed_files(text, jsonb, text, text, integer);
drop function public.api_list_index_jobs(text, jsonb, text, text, text, text, text, integer);
drop function public.api_job_metrics();
drop function public.api_job_load();
drop function public.api_job_counts(text, jsonb, text, text);
drop function public.api_get_job_status(text, jsonb, text, bigint);
drop function public.api_get_job_history(text, jsonb, text);
drop function public.api_follow_index_job(text, jsonb, text, integer, boolean, boolean);
drop function public.api_find_symbols(text, jsonb, text, text, text, text, integer);
drop function public.api_explain_index_job(text, jsonb, text);
drop function public.api_create_index_job(text, jsonb, text, text, text, text, text, text, text, integer);
drop function public.api_count_request(text, jsonb);
drop function public.api_cancel_index_job(text, jsonb, text);
drop function public.api_call_function(jsonb, text, text, boolean, jsonb);
drop function public.api_admin_get_job_status(jsonb, text, text);
revoke all on table private.tiers from public, anon, authenticated, service_role, job_gateway;
drop policy if exists symbols_select_authenticated on public.symbols;
drop policy if exists symbols_select_job_worker on public.symbols;
drop policy if exists symbols_select_service_role on public.symbols;
drop policy if exists symbols_all_job_writer on public.symbols;
revoke all on table public.symbols from public, anon, authenticated, service_role, job_worker, job_writer;
drop policy if exists skipped_files_select_authenticated on public.skipped_files;
drop policy if exists skipped_files_select_job_worker on public.skipped_files;
drop policy if exists skipped_files_select_service_role on public.skipped_files;
drop policy if exists skipped_files_all_job_writer on public.skipped_files;
revoke all on table public.skipped_files from public, anon, authenticated, service_role, job_worker, job_writer;
revoke all on table private.runners from public, anon, authenticated, service_role, job_writer;
drop policy if exists repositories_select_authenticated on public.repositories;
drop policy if exists repositories_insert_authenticated on public.repositories;
drop policy if exists repositories_all_service_role on public.repositories;
drop policy if exists repositories_select_job_roles on public.repositories;
drop policy if exists repositories_update_job_writer on public.repositories;
revoke all on table public.repositories from public, anon, authenticated, service_role, job_worker, job_writer;
revoke all on table private.rate_limit_counters from public, anon, authenticated, service_role, job_gateway;
drop policy if exists organizations_select_authenticated on public.organizations;
drop policy if exists organizations_all_service_role on public.organizations;
revoke all on table public.organizations from public, anon, authenticated, service_role;
drop policy if exists organization_members_select_authenticated on public.organization_members;
drop policy if exists organization_members_all_service_role on public.organization_members;
drop policy if exists organization_members_select_job_writer on public.organization_members;
revoke all on table public.organization_members from public, anon, authenticated, service_role, job_writer;
revoke all on table private.job_metrics from public, anon, authenticated, service_role, job_writer;
revoke all on table private.job_metric_log from public, anon, authenticated, service_role, job_writer;
revoke all on table private.job_ends from public, anon, authenticated, service_role, job_writer;
drop policy if exists indexed_files_select_authenticated on public.indexed_files;
drop policy if exists indexed_files_select_job_worker on public.indexed_files;
drop policy if exists indexed_files_select_service_role on public.indexed_files;
drop policy if exists indexed_files_all_job_writer on public.indexed_files;
revoke all on table public.indexed_files from public, anon, authenticated, service_role, job_worker, job_writer;
drop policy if exists indexed_commits_select_authenticated on public.indexed_commits;
drop policy if exists indexed_commits_select_job_worker on public.indexed_commits;
drop policy if exists indexed_commits_select_service_role on public.indexed_commits;
drop policy if exists indexed_commits_all_job_writer on public.indexed_commits;
revoke all on table public.indexed_commits from public, anon, authenticated, service_role, job_worker, job_writer;
drop policy if exists index_jobs_select_authenticated on public.index_jobs;
drop policy if exists index_jobs_select_workers on public.index_jobs;
drop policy if exists index_jobs_all_job_writer on public.index_jobs;
revoke all on table public.index_jobs from public, anon, authenticated, service_role, job_worker, job_writer;
drop policy if exists index_job_events_select_authenticated on public.index_job_events;
drop policy if exists index_job_events_select_workers on public.index_job_events;
drop policy if exists index_job_events_select_job_writer on public.index_job_events;
drop policy if exists index_job_events_insert_job_writer on public.index_job_events;
revoke all on table public.index_job_events from public, anon, authenticated, service_role, job_worker, job_writer;
revoke all on table private.index_durations from public, anon, authenticated, service_role, job_writer;
revoke all on table private.incoming_symbols from public, anon, authenticated, service_role, job_worker, job_writer;
revoke all on table private.incoming_skipped from public, anon, authenticated, service_role, job_worker, job_writer;
revoke all on table private.incoming_files from public, anon, authenticated, service_role, job_worker, job_writer;
revoke all on table private.idempotency_keys from public, anon, authenticated, service_role, job_writer;
revoke all on table private.gone_files from public, anon, authenticated, service_role, job_worker, job_writer;
revoke all on table private.development from public, anon, authenticated, service_role;
revoke all on table private.api_keys from public, anon, authenticated, service_role, job_gateway;
revoke all on table private.admin_audit from public, anon, authenticated, service_role, job_writer;
revoke all on table private.accounts from public, anon, authenticated, service_role, job_gateway;
drop function private.uuid_v7();
drop function private.stuck_jobs(interval, boolean);
drop function private.stored_commit_of_job(text);
drop function private.stored_commit(uuid);
drop function private.store_index(public.index_jobs, boolean, jsonb);
drop function private.store_incoming_rows(public.index_jobs);
drop function private.spell_seconds(double precision);
drop function private.spell_place(integer, integer, boolean);
drop function private.see_worker(uuid);
drop function private.row_cursor(text, bigint);
drop function private.rollout_bucket(uuid);
drop function private.revoke_api_key(text);
drop function private.retry_delay(integer);
drop function private.rest_conditions(text, jsonb);
drop function private.refuse_partial_index();
drop function private.record_job_event();
drop function private.record_index_duration(public.index_jobs);
drop function private.read_indexed_commit(uuid, text);
drop function private.predict_seconds(double precision[], double precision);
drop function private.parse_worker_id(text);
drop function private.parse_uuid(text);
drop function private.parse_status(text);
drop function private.parse_since(text);
drop function private.parse_row_cursor(text);
drop function private.parse_repository(text, text, text);
drop function private.parse_cursor(text);
drop function private.order_waiting_tenants(timestamptz, uuid[], boolean, uuid[], integer, boolean);
drop function private.oldest_claimable();
drop function private.metric_bucket(interval);
drop function private.lock_repository_of_job(uuid, integer);
drop function private.lock_next_job(uuid[]);
drop function private.lock_index_job(uuid);
drop function private.list_api_keys();
drop function private.job_transitions();
drop function private.job_gauges();
drop function private.job_counters();
drop function private.job_attempts(uuid);
drop function private.is_repository_name(text);
drop function private.is_git_url(text);
drop function private.is_git_ref(text);
drop function private.is_final(public.job_status);
drop function private.is_commit_sha(text);
drop function private.insert_index_job(uuid, text, text, text, uuid);
drop function private.fold_job_metrics(integer);
drop function private.find_organization(text);
drop function private.exposed_functions(text);
drop function private.explain_index_job(uuid);
drop function private.explain_any_job(uuid);
drop function private.estimate_index_job(public.index_jobs, timestamptz, integer);
drop function private.end_attempt(public.index_jobs, timestamptz, text, boolean);
drop function private.delete_symbols_of_files();
drop function private.delete_orphaned_rows();
drop function private.delete_incoming_rows();
drop function private.delete_gone_files(public.index_jobs);
drop function private.delete_files_of_other_jobs(public.index_jobs);
drop function private.current_user_id();
drop function private.create_index_job(uuid, text, text, text);
drop function private.create_broadcast_policy();
drop function private.create_api_key(text, timestamptz);
drop function private.count_request(private.api_caller);
drop function private.count_free_jobs(uuid, timestamptz, boolean, integer);
drop function private.count_deleted_jobs();
drop function private.count_claims_before(public.index_jobs, timestamptz);
drop function private.clock();
drop function private.clean_error(text);
drop function private.check_page(integer);
drop function private.check_lease(interval);
drop function private.check_job_metadata(public.job_status, jsonb);
drop function private.check_batch(interval, integer);
drop function private.check_attempt(public.index_jobs, integer);
drop function private.cancel_index_job(uuid);
drop function private.broadcast_index_job();
drop function private.bound_claims_before(public.index_jobs, timestamptz, uuid, uuid[], integer);
drop function private.begin_request(text, jsonb);
drop function private.api_admin_get_job_status(uuid, text, text);
revoke create on schema public, private from job_writer, job_gateway, job_tenant;
revoke job_writer, job_gateway, job_tenant from current_user;
-- end stamped part

-- By hand, below it: drops of what the migration made.
drop table private.job_ends;
drop table private.job_metrics;
drop table private.job_metric_log;

notify pgrst, 'reload schema';
comment on schema private is 'schema version 20261128093001, text 73f253239b0f, serves 20261128093000';
