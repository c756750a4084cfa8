-- Made by `make docs` from a migrated database. Do not edit it: CONTRIBUTING.md says how to
-- change a role.
-- What each role is for: db/CONVENTIONS.md.

create role job_gateway nologin nosuperuser nocreaterole nobypassrls;
create role job_http nologin nosuperuser nocreaterole nobypassrls;
create role job_tenant nologin nosuperuser nocreaterole nobypassrls;
create role job_worker nologin nosuperuser nocreaterole nobypassrls;
create role job_writer nologin nosuperuser nocreaterole nobypassrls;

grant authenticated to job_gateway;
grant authenticated to job_tenant;

grant usage on schema private to authenticated;
grant usage on schema private to job_gateway;
grant usage on schema private to job_http;
grant usage on schema private to job_worker;
grant usage on schema private to job_writer;
grant usage on schema private to service_role;
grant usage on schema public to job_gateway;
grant usage on schema public to job_http;
grant usage on schema public to job_worker;
grant usage on schema public to job_writer;

-- authenticated
grant select on table public.index_job_events to authenticated;
grant select on table public.index_jobs to authenticated;
grant select on table public.indexed_commits to authenticated;
grant select on table public.indexed_files to authenticated;
grant select on table public.organization_members to authenticated;
grant select on table public.organizations to authenticated;
grant insert (full_name, git_url, owner_user_id, organization_id), select on table
  public.repositories to authenticated;
grant select on table public.skipped_files to authenticated;
grant select on table public.symbols to authenticated;

-- job_gateway
grant select on table private.accounts to job_gateway;
grant insert, select, update on table private.api_keys to job_gateway;
grant insert, select, update on table private.rate_limit_counters to job_gateway;
grant select on table private.tiers to job_gateway;

-- job_worker
grant insert (id) on table private.gone_files to job_worker;
grant insert (file_no, path, language, bytes, blob_sha, symbol_count) on table
  private.incoming_files to job_worker;
grant insert (path, reason) on table private.incoming_skipped to job_worker;
grant insert (file_no, name, kind, start_line, end_line, parent) on table private.incoming_symbols
  to job_worker;
grant select on table public.index_job_events to job_worker;
grant select on table public.index_jobs to job_worker;
grant select on table public.indexed_commits to job_worker;
grant select on table public.indexed_files to job_worker;
grant select on table public.repositories to job_worker;
grant select on table public.skipped_files to job_worker;
grant select on table public.symbols to job_worker;

-- job_writer
grant select, update on sequence private.claim_cursor_high to job_writer;
grant select, update on sequence private.claim_cursor_low to job_writer;
grant select, update on sequence private.claim_lease_check to job_writer;
grant insert on table private.admin_audit to job_writer;
grant delete, select on table private.gone_files to job_writer;
grant insert, select on table private.idempotency_keys to job_writer;
grant delete, select on table private.incoming_files to job_writer;
grant delete, select on table private.incoming_skipped to job_writer;
grant delete, select on table private.incoming_symbols to job_writer;
grant delete, insert, select on table private.index_durations to job_writer;
grant delete, insert, select, update on table private.job_ends to job_writer;
grant delete, insert, select on table private.job_metric_log to job_writer;
grant insert, select, update on table private.job_metrics to job_writer;
grant insert, select, update on table private.queue_attempts to job_writer;
grant delete, insert, select, update on table private.runners to job_writer;
grant insert, select on table public.index_job_events to job_writer;
grant delete, insert, select, update on table public.index_jobs to job_writer;
grant delete, insert, select, update on table public.indexed_commits to job_writer;
grant delete, insert, select on table public.indexed_files to job_writer;
grant select on table public.organization_members to job_writer;
grant select, update (git_url) on table public.repositories to job_writer;
grant delete, insert, select on table public.skipped_files to job_writer;
grant delete, insert, select on table public.symbols to job_writer;

-- service_role
grant delete, insert, select, update on table private.accounts to service_role;
grant select on table private.admin_audit to service_role;
grant insert (id) on table private.gone_files to service_role;
grant insert (file_no, path, language, bytes, blob_sha, symbol_count) on table
  private.incoming_files to service_role;
grant insert (path, reason) on table private.incoming_skipped to service_role;
grant insert (file_no, name, kind, start_line, end_line, parent) on table private.incoming_symbols
  to service_role;
grant select on table private.job_ends to service_role;
grant select on table private.job_metrics to service_role;
grant select on table private.runners to service_role;
grant delete, insert, select, update on table private.tiers to service_role;
grant select on table public.index_job_events to service_role;
grant select on table public.index_jobs to service_role;
grant select on table public.indexed_commits to service_role;
grant select on table public.indexed_files to service_role;
grant delete, insert, select, update on table public.organization_members to service_role;
grant delete, insert, select, update on table public.organizations to service_role;
grant delete, insert, select, update on table public.repositories to service_role;
grant select on table public.skipped_files to service_role;
grant select on table public.symbols to service_role;
