-- complete_index(p_job_id, p_attempt, p_worker_id, p_extractor, p_base_job_id, p_commit_sha,
--   p_stats, p_phase, p_done, p_total) -> text
--
-- Stores the rows that this transaction has copied into the staging tables, and completes the job
-- with p_stats and its last progress: both or neither. Without p_base_job_id they replace all rows
-- of the repository; with it they are the changes since the rows that begin_index named. Returns:
--   stored        the rows are stored and the job is completed.
--   reused        the same extractor has already stored the commit: those rows stay, and the stats
--                 say so. Pass p_stats null to ask for this only.
--   base_changed  the base is no longer what is stored. Nothing was changed: send everything.
-- A repeated call after a lost answer changes nothing and returns the same answer.
--
-- Why definer: only job_writer may change the rows of an index.
-- Locks:   the repository, then the index_jobs row, for no key update.
-- Raises:  PT404 when the job does not exist; PT409 stale_attempt, attempt_required,
--          not_processing, conflicting_repeat, rows_missing; PT422 invalid_extractor,
--          invalid_rows, commit_mismatch, invalid_progress and those of
--          private.check_job_metadata.
-- Callers: job_worker, service_role.

create or replace function public.complete_index(
  p_job_id uuid,
  p_attempt integer,
  p_worker_id text,
  p_extractor text,
  p_base_job_id uuid default null,
  p_commit_sha text default null,
  p_stats jsonb default null,
  p_phase text default null,
  p_done bigint default null,
  p_total bigint default null
)
returns text
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_commit_sha text := lower(p_commit_sha);
  v_stats jsonb := p_stats;
  v_phase text := p_phase;
  v_done bigint := p_done;
  v_total bigint := p_total;
  v_result text := 'stored';
  v_job public.index_jobs;
  v_base public.indexed_commits;
begin
  if coalesce(btrim(p_extractor), '') = '' or length(p_extractor) > 200 then
    raise exception 'extractor is empty or longer than 200 characters'
      using errcode = 'PT422', detail = 'invalid_extractor', column = 'extractor',
        hint = 'Pass a name and a version that change with the rows it makes.';
  end if;
  perform private.check_job_metadata('completed',
    jsonb_build_object('commit_sha', p_commit_sha, 'stats', coalesce(p_stats, '{}')));

  v_job := private.lock_repository_of_job(p_job_id, p_attempt);
  if v_job.status = 'completed' then
    v_result := case when v_job.stats ? 'reused_job_id' then 'reused' else 'stored' end;
    if v_job.commit_sha is distinct from v_commit_sha
      or v_result = 'stored' and v_job.stats is distinct from p_stats
    then
      raise exception 'the job already ended with a different result'
        using errcode = 'PT409', detail = 'conflicting_repeat', column = 'stats',
          hint = 'The first result is final; read it with get_job_status.';
    end if;
    perform private.delete_incoming_rows();
    return v_result;
  end if;

  select c.* into v_base
  from private.read_indexed_commit(v_job.repository_id, p_extractor) as c;
  if v_base.commit_sha = v_commit_sha then
    v_result := 'reused';
    v_stats := v_base.stats || jsonb_build_object(
      'files_unchanged', v_base.stats -> 'files_indexed',
      'reused', true,
      'reused_job_id', v_base.job_id);
    v_phase := 'symbols';
    v_done := (v_base.stats ->> 'files_indexed')::bigint
      + coalesce((v_base.stats ->> 'files_skipped')::bigint, 0);
    v_total := v_done;
  elsif p_stats is null
    or p_base_job_id is not null and p_base_job_id is distinct from v_base.job_id
  then
    perform private.delete_incoming_rows();
    return 'base_changed';
  else
    perform private.store_index(v_job, p_base_job_id is not null, p_stats);
    insert into public.indexed_commits (repository_id, job_id, commit_sha, extractor, stats)
    values (v_job.repository_id, v_job.id, v_commit_sha, p_extractor, p_stats)
    on conflict (repository_id) do update
    set job_id = excluded.job_id,
      commit_sha = excluded.commit_sha,
      extractor = excluded.extractor,
      stats = excluded.stats;
  end if;
  perform private.delete_incoming_rows();

  -- The job is locked last, so that other calls for it wait only briefly.
  perform from public.report_job_progress(
    p_job_id => p_job_id, p_attempt => p_attempt,
    p_phase => v_phase, p_done => v_done, p_total => v_total);
  select j.* into v_job
  from public.update_job_status(
    p_job_id => p_job_id, p_status => 'completed', p_attempt => p_attempt,
    p_worker_id => p_worker_id,
    p_metadata => jsonb_build_object('stats', v_stats, 'commit_sha', v_commit_sha)) as j;
  perform private.record_index_duration(v_job);
  return v_result;
end;
$$;

comment on function public.complete_index(
  uuid, integer, text, text, uuid, text, jsonb, text, bigint, bigint) is
  'Stores the rows of an index and completes its job, both or neither.';

alter function public.complete_index(
  uuid, integer, text, text, uuid, text, jsonb, text, bigint, bigint) owner to job_writer;
revoke all on function public.complete_index(
  uuid, integer, text, text, uuid, text, jsonb, text, bigint, bigint)
  from public, anon, authenticated, service_role;
grant execute on function public.complete_index(
  uuid, integer, text, text, uuid, text, jsonb, text, bigint, bigint) to job_worker, service_role;
