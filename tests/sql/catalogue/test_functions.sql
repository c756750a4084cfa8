-- Each function of the schemas public and private: its volatility, its owner if it is a definer,
-- and who else may execute it, in alphabetical order. Each new function gets a line here.
begin;
select plan(9);

create temp table declared (name text, volatility text, owner text, executors text);
insert into declared values
  -- for users and the service
  ('public.cancel_index_job', 'volatile', null, 'authenticated'),
  ('public.create_api_key', 'volatile', null, 'authenticated'),
  ('public.create_index_job', 'volatile', null, 'authenticated, service_role'),
  ('public.ensure_repository', 'volatile', null, 'authenticated'),
  ('public.explain_index_job', 'stable', null, 'authenticated, service_role'),
  ('public.find_symbols', 'stable', null, 'authenticated, service_role'),
  ('public.get_job_history', 'stable', null, 'authenticated, service_role'),
  ('public.get_job_status', 'stable', null, 'authenticated, service_role'),
  ('public.job_counts', 'stable', null, 'authenticated, service_role'),
  ('public.list_api_keys', 'stable', null, 'authenticated'),
  ('public.list_index_jobs', 'stable', null, 'authenticated, service_role'),
  ('public.list_indexed_files', 'stable', null, 'authenticated, service_role'),
  ('public.list_skipped_files', 'stable', null, 'authenticated, service_role'),
  ('public.revoke_api_key', 'volatile', null, 'authenticated'),
  ('public.set_repository_url', 'volatile', null, 'authenticated'),
  -- for workers
  ('public.begin_index', 'stable', 'job_writer', 'job_worker, service_role'),
  ('public.begin_queue_attempt', 'volatile', 'job_writer', 'job_worker, service_role'),
  ('public.claim_index_job', 'volatile', 'job_writer', 'job_worker, service_role'),
  ('public.complete_index', 'volatile', 'job_writer', 'job_worker, service_role'),
  ('public.fail_job_attempt', 'volatile', 'job_writer', 'job_worker, service_role'),
  ('public.link_queue_job', 'volatile', 'job_writer', 'job_worker, service_role'),
  ('public.purge_finished_jobs', 'volatile', 'job_writer', 'job_worker, service_role'),
  ('public.record_index_run', 'volatile', 'job_writer', 'job_worker, service_role'),
  ('public.report_job_progress', 'volatile', 'job_writer', 'job_worker, service_role'),
  ('public.report_runner', 'volatile', 'job_writer', 'job_worker, service_role'),
  ('public.retry_or_fail_stuck_jobs', 'volatile', 'job_writer', 'job_worker, service_role'),
  ('public.store_index_rows', 'volatile', 'job_writer', 'job_worker, service_role'),
  ('public.update_job_status', 'volatile', 'job_writer', 'job_worker, service_role'),
  -- for the HTTP layer
  ('public.api_admin_change_index_job', 'volatile', 'job_gateway', 'job_http, service_role'),
  ('public.api_admin_get_job_status', 'volatile', 'job_gateway', 'job_http, service_role'),
  ('public.api_admin_list_index_jobs', 'volatile', 'job_gateway', 'job_http, service_role'),
  ('public.api_call_function', 'volatile', 'job_tenant', 'job_http'),
  ('public.api_cancel_index_job', 'volatile', 'job_gateway', 'job_http, service_role'),
  ('public.api_count_request', 'volatile', 'job_gateway', 'job_http, service_role'),
  ('public.api_create_index_job', 'volatile', 'job_gateway', 'job_http, service_role'),
  ('public.api_explain_index_job', 'volatile', 'job_gateway', 'job_http, service_role'),
  ('public.api_find_symbols', 'volatile', 'job_gateway', 'job_http, service_role'),
  ('public.api_follow_index_job', 'volatile', 'job_gateway', 'job_http, service_role'),
  ('public.api_get_job_history', 'volatile', 'job_gateway', 'job_http, service_role'),
  ('public.api_get_job_status', 'volatile', 'job_gateway', 'job_http, service_role'),
  ('public.api_get_job_statuses', 'volatile', 'job_gateway', 'job_http, service_role'),
  ('public.api_job_counts', 'volatile', 'job_gateway', 'job_http, service_role'),
  ('public.api_job_load', 'volatile', 'job_writer', 'job_http, service_role'),
  ('public.api_job_metrics', 'volatile', 'job_writer', 'job_http, service_role'),
  ('public.api_list_index_jobs', 'volatile', 'job_gateway', 'job_http, service_role'),
  ('public.api_list_indexed_files', 'volatile', 'job_gateway', 'job_http, service_role'),
  ('public.api_list_skipped_files', 'volatile', 'job_gateway', 'job_http, service_role'),
  ('public.api_recheck_followers', 'volatile', 'job_gateway', 'job_http, service_role'),
  ('public.api_schema_version', 'volatile', null, 'job_http, service_role'),
  ('public.api_set_repository_url', 'volatile', 'job_gateway', 'job_http, service_role'),
  ('public.api_status', 'stable', 'job_writer', 'job_http, service_role'),
  ('public.api_watch_jobs', 'stable', 'job_writer', 'job_http, service_role'),
  -- the private cores of functions that users call
  ('private.cancel_index_job', 'volatile', 'job_writer', 'authenticated'),
  ('private.explain_any_job', 'stable', 'job_writer', 'service_role'),
  ('private.explain_index_job', 'stable', 'job_writer', 'authenticated'),
  ('private.revoke_api_key', 'volatile', 'job_gateway', 'authenticated'),
  ('private.insert_index_job', 'volatile', 'job_writer', 'service_role'),
  ('private.create_api_key', 'volatile', 'job_gateway', 'authenticated'),
  ('private.list_api_keys', 'stable', 'job_gateway', 'authenticated'),
  ('private.admin_fail_index_job', 'volatile', 'job_writer', 'job_gateway'),
  ('private.admin_list_index_jobs', 'stable', 'job_writer', 'job_gateway'),
  ('private.admin_release_index_job', 'volatile', 'job_writer', 'job_gateway'),
  ('private.admin_retry_index_job', 'volatile', 'job_writer', 'job_gateway'),
  ('private.read_any_job', 'stable', 'job_writer', 'job_gateway'),
  ('private.record_admin_action', 'volatile', 'job_writer', 'job_gateway'),
  ('private.count_deleted_jobs', 'volatile', 'job_writer', ''),
  ('private.record_job_event', 'volatile', 'job_writer', ''),
  ('private.create_index_job', 'volatile', 'job_writer', 'authenticated'),
  ('private.broadcast_index_job', 'volatile', (  -- for the migrating role
    select c.relowner::regrole::text from pg_class as c where c.oid = 'public.index_jobs'::regclass
  ), ''),
  ('private.set_repository_url', 'volatile', 'job_writer', 'authenticated'),
  -- for a queue bridge, which grants them to its owner
  ('private.list_queue_jobs', 'stable', 'job_writer', ''),
  ('private.mirror_queue_state', 'volatile', 'job_writer', ''),
  ('private.banned_users', 'volatile', (
    select c.relowner::regrole::text from pg_class as c where c.oid = 'public.index_jobs'::regclass
  ), 'job_gateway'),
  -- helpers
  ('private.bound_claims_before', 'stable', null, 'job_writer'),
  ('private.check_attempt', 'stable', null, 'job_writer'),
  ('private.check_batch', 'immutable', null, 'job_writer'),
  ('private.check_job_metadata', 'immutable', null, 'job_writer'),
  ('private.check_lease', 'immutable', null, 'job_writer'),
  ('private.check_page', 'immutable', null, 'authenticated, job_writer, service_role'),
  ('private.clean_error', 'immutable', null, 'job_writer'),
  ('private.clock', 'volatile', null, 'authenticated, job_gateway, job_writer, service_role'),
  ('private.count_claims_before', 'stable', null, 'job_writer'),
  ('private.count_free_jobs', 'stable', null, 'job_writer'),
  ('private.count_request', 'volatile', null, 'job_gateway'),
  ('private.forget_future', 'volatile', null, 'job_writer'),
  ('private.create_broadcast_policy', 'volatile', null, ''),
  ('private.current_user_id', 'stable', null,
    'anon, authenticated, job_gateway, job_writer, service_role'),
  ('private.delete_files_of_other_jobs', 'volatile', null, 'job_writer'),
  ('private.delete_gone_files', 'volatile', null, 'job_writer'),
  ('private.delete_incoming_rows', 'volatile', null, 'job_writer'),
  ('private.delete_orphaned_rows', 'volatile', null, 'job_writer'),
  ('private.delete_symbols_of_files', 'volatile', 'job_writer', ''),
  ('private.estimate_index_job', 'stable', null, 'job_writer'),
  ('private.predict_seconds', 'immutable', null, 'job_writer'),
  ('private.exposed_functions', 'stable', null, 'job_tenant'),
  ('private.end_attempt', 'volatile', null, 'job_writer'),
  ('private.find_organization', 'stable', null, 'job_gateway'),
  ('private.fold_job_metrics', 'volatile', null, 'job_writer'),
  ('private.admit_request', 'volatile', null, 'job_gateway'),
  ('private.begin_request', 'volatile', null, 'job_gateway'),
  ('private.is_final', 'immutable', null,
    'authenticated, job_gateway, job_writer, service_role'),
  ('private.is_commit_sha', 'immutable', null, 'job_writer'),
  ('private.is_git_ref', 'immutable', null, 'job_writer'),
  ('private.is_git_url', 'immutable', null,
    'authenticated, job_gateway, job_writer, service_role'),
  ('private.is_repository_name', 'immutable', null,
    'authenticated, job_gateway, job_writer, service_role'),
  ('private.is_same_git_url', 'immutable', null, 'authenticated, job_writer'),
  ('private.normal_git_url', 'immutable', null, 'authenticated, job_gateway, job_writer'),
  ('private.job_attempts', 'stable', null, 'job_gateway'),
  ('private.job_counters', 'stable', null, 'job_writer'),
  ('private.job_gauges', 'volatile', null, 'job_writer'),
  ('private.job_transitions', 'immutable', null, 'job_writer'),
  ('private.lock_index_job', 'volatile', null, 'job_writer'),
  ('private.lock_next_job', 'volatile', null, 'job_writer'),
  ('private.lock_repository_of_job', 'volatile', null, 'job_writer'),
  ('private.metric_bucket', 'immutable', null, 'job_writer'),
  ('private.oldest_claimable', 'stable', null, 'job_writer'),
  ('private.order_waiting_tenants', 'stable', null, 'job_writer'),
  ('private.parse_cursor', 'stable', null, 'authenticated, service_role'),
  ('private.parse_repository', 'immutable', null, 'job_gateway'),
  ('private.parse_row_cursor', 'immutable', null, 'authenticated, service_role'),
  ('private.parse_since', 'stable', null, 'job_gateway'),
  ('private.parse_status', 'stable', null, 'authenticated, job_writer, service_role'),
  ('private.parse_uuid', 'immutable', null, 'job_gateway, job_writer'),
  ('private.parse_worker_id', 'immutable', null, 'job_writer'),
  ('private.read_indexed_commit', 'stable', null, 'job_writer'),
  ('private.record_index_duration', 'volatile', null, 'job_writer'),
  ('private.refuse_partial_index', 'volatile', 'job_writer', ''),
  ('private.rest_conditions', 'immutable', null, 'job_tenant'),
  ('private.retry_delay', 'volatile', null, 'job_writer'),
  ('private.rollout_bucket', 'immutable', null, 'job_gateway'),
  ('private.row_cursor', 'immutable', null, 'authenticated, service_role'),
  ('private.see_worker', 'volatile', null, 'job_writer'),
  ('private.spell_place', 'immutable', null, 'job_writer'),
  ('private.spell_seconds', 'immutable', null, 'job_writer'),
  ('private.start_queue_attempt', 'volatile', null, 'job_writer'),
  ('private.stored_commit', 'stable', null, 'authenticated, service_role'),
  ('private.stored_commit_of_job', 'stable', null, 'job_gateway'),
  ('private.store_incoming_rows', 'volatile', null, 'job_writer'),
  ('private.store_index', 'volatile', null, 'job_writer'),
  ('private.stuck_jobs', 'volatile', null, 'job_writer, service_role'),
  ('private.uuid_v7', 'volatile', null, 'job_writer');

create temp table functions as
select
  n.nspname || '.' || p.proname as name,
  p.oid,
  p.prosecdef as definer,
  p.proowner::regrole::text as owner,
  p.proargnames,
  p.pronargs,
  p.proconfig,
  case p.provolatile when 'i' then 'immutable' when 's' then 'stable' else 'volatile' end
    as volatility,
  coalesce((
    select string_agg(a.grantee, ', ' order by a.grantee)
    from (
      select case x.grantee when 0 then 'public' else x.grantee::regrole::text end as grantee
      from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as x
      where x.grantee <> p.proowner) as a), '') as executors
from pg_proc as p
join pg_namespace as n on n.oid = p.pronamespace
where n.nspname in ('public', 'private');

select bag_eq(
  'select f.name from functions as f', 'select d.name from declared as d',
  'these are the functions, each listed once');
select set_eq(
  'select f.name, f.volatility from functions as f',
  'select d.name, d.volatility from declared as d', 'each function has the declared volatility');
select set_eq(
  'select f.name, f.owner from functions as f where f.definer',
  'select d.name, d.owner from declared as d where d.owner is not null',
  'these are the security definers and their owners');
select set_eq(
  'select f.name, f.executors from functions as f',
  'select d.name, d.executors from declared as d',
  'each function may be executed by exactly these roles');
select is_empty(
  $$ select f.name from functions as f
     where f.proconfig[1] is distinct from 'search_path=pg_catalog, pg_temp' $$,
  'each function has a pinned search_path');
select is_empty(
  $$ select f.name, c from functions as f cross join unnest(f.proconfig) as c
     where c <> 'search_path=pg_catalog, pg_temp'
       and not (f.name like 'public.api\_%' and c = 'TimeZone=UTC')
       and not (f.name in ('public.find_symbols', 'public.job_counts', 'public.list_index_jobs',
         'public.list_indexed_files', 'public.list_skipped_files')
         and c in ('enable_sort=off', 'enable_bitmapscan=off'))
       and not (f.name in ('private.admin_list_index_jobs', 'public.find_symbols')
         and c = 'plan_cache_mode=force_custom_plan')
       and not (f.name in ('private.count_claims_before', 'private.lock_next_job',
           'private.oldest_claimable')
         and c in ('enable_sort=off', 'enable_incremental_sort=off',
           'plan_cache_mode=force_generic_plan'))
       and not (f.name in ('private.banned_users', 'public.api_get_job_statuses')
         and c in ('enable_seqscan=off', 'plan_cache_mode=force_generic_plan'))
       and not (f.name = 'private.store_incoming_rows' and c = 'enable_nestloop=off') $$,
  'no function has other settings, except for output in UTC and planner corrections');
select is_empty(
  $$ select f.name from functions as f
     where coalesce(obj_description(f.oid, 'pg_proc'), '') !~ '^[A-Z].*[.]$' $$,
  'each function has a comment that is a sentence');
select is_empty(
  $$ select f.name, a from functions as f cross join unnest(f.proargnames[:f.pronargs]) as a
     where a !~ '^p_[a-z_]+$' $$,
  'each argument name starts with p_');
select is_empty(
  $$ select r.rolname from pg_roles as r
     where r.rolname in ('job_writer', 'job_gateway', 'job_tenant')
       and (r.rolsuper or r.rolbypassrls or r.rolcanlogin or r.rolcreaterole
         or exists (select from pg_class as c where c.relowner = r.oid
           and c.relkind in ('r', 'p', 'v', 'm', 'S'))) $$,
  'no owner of a definer is a superuser, can log in, bypasses RLS or owns a table');

select * from finish();
rollback;
