-- check_job_metadata(p_status, p_metadata) -> void
--
-- What metadata may contain: error (text, required with failed and not allowed otherwise), stats
-- (an object of at most 16 kB, with a final status), commit_sha (a full commit id).
--
-- Raises:  PT422 invalid_metadata, unknown_metadata, error_required, error_not_allowed,
--          stats_not_allowed, invalid_stats, stats_too_large, invalid_commit_sha.
-- Callers: job_writer: update_job_status.

create or replace function private.check_job_metadata(p_status public.job_status, p_metadata jsonb)
returns void
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_code text;
  v_message text;
  v_hint text;
  v_error jsonb := p_metadata -> 'error';
  v_stats jsonb := p_metadata -> 'stats';
  v_commit_sha jsonb := p_metadata -> 'commit_sha';
begin
  if jsonb_typeof(p_metadata) <> 'object' then
    v_code := 'invalid_metadata';
    v_message := 'metadata is not an object';
    v_hint := 'Pass {"error": …}, {"stats": …} or {}.';
  elsif p_metadata - array['error', 'stats', 'commit_sha'] <> '{}' then
    v_code := 'unknown_metadata';
    v_message := 'metadata has a member other than error, stats and commit_sha';
    v_hint := 'Put figures into stats.';
  elsif p_status = 'failed' and (jsonb_typeof(v_error) is distinct from 'string'
      or btrim(p_metadata ->> 'error', E' \t\r\n') = '') then
    v_code := 'error_required';
    v_message := 'failed without an error';
    v_hint := 'Pass {"error": "a sentence for the user"}.';
  elsif p_status <> 'failed' and v_error is not null then
    v_code := 'error_not_allowed';
    v_message := 'only a failed job can have an error';
    v_hint := 'Leave error out, or pass the status failed.';
  elsif v_stats is not null and not private.is_final(p_status) then
    v_code := 'stats_not_allowed';
    v_message := 'only a job with a final status can have stats';
    v_hint := 'Report progress by report_job_progress.';
  elsif jsonb_typeof(v_stats) <> 'object' then
    v_code := 'invalid_stats';
    v_message := 'stats is not an object';
    v_hint := 'Pass {"stats": {"files_indexed": 1, "symbols_extracted": 2}}.';
  elsif octet_length(v_stats::text) > 16384 then
    v_code := 'stats_too_large';
    v_message := 'stats is larger than 16384 bytes';
    v_hint := 'Keep figures in stats and rows in tables.';
  elsif v_commit_sha is not null and (jsonb_typeof(v_commit_sha) <> 'string'
      or not private.is_commit_sha(p_metadata ->> 'commit_sha')) then
    v_code := 'invalid_commit_sha';
    v_message := 'commit_sha must have 40 hexadecimal digits';
    v_hint := 'Pass what git rev-parse prints.';
  else
    return;
  end if;
  raise exception '%', v_message
    using errcode = 'PT422', detail = v_code, hint = v_hint, column = 'metadata';
end;
$$;

comment on function private.check_job_metadata(public.job_status, jsonb) is
  'Refuses metadata that does not fit the status.';

revoke all on function private.check_job_metadata(public.job_status, jsonb)
  from public, anon, authenticated, service_role;
grant execute on function private.check_job_metadata(public.job_status, jsonb) to job_writer;
