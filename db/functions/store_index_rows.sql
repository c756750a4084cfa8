-- store_index_rows(p_job_id, p_attempt) -> bigint
--
-- Stores what has been copied into the staging tables so far, and returns how many rows of files
-- and symbols this transaction has stored with it. It may be called any number of times before
-- complete_index, so that storing overlaps with parsing. Use it only if the whole repository is
-- sent, because its other rows are deleted. The files of all symbols must have been copied. If the
-- transaction does not complete the job, its COMMIT is refused.
--
-- Why definer: only job_writer may change the rows of an index.
-- Locks:   the repository, for no key update, until the end of the transaction.
-- Raises:  PT404 when the job does not exist; PT409 stale_attempt, attempt_required,
--          not_processing; PT422 invalid_rows.
-- Callers: job_worker, service_role.

create or replace function public.store_index_rows(p_job_id uuid, p_attempt integer)
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_job public.index_jobs := private.lock_repository_of_job(p_job_id, p_attempt);
  v_files bigint;
  v_symbols bigint;
begin
  if v_job.status = 'completed' then -- and the answer was lost: complete_index returns it again
    perform private.delete_incoming_rows();
    return 0;
  end if;

  perform private.delete_files_of_other_jobs(v_job);
  select m.files, m.symbols into v_files, v_symbols
  from private.store_incoming_rows(v_job) as m;

  -- Nobody else sees this row: complete_index overwrites it, or COMMIT is refused.
  insert into public.indexed_commits as c (repository_id, job_id, commit_sha, extractor, stats)
  values (v_job.repository_id, v_job.id, '', '',
    jsonb_build_object('files', v_files, 'symbols', v_symbols))
  on conflict (repository_id) do update
  set job_id = excluded.job_id,
    commit_sha = excluded.commit_sha,
    extractor = excluded.extractor,
    stats = case
      when c.job_id = excluded.job_id then jsonb_build_object(
        'files', (c.stats ->> 'files')::bigint + v_files,
        'symbols', (c.stats ->> 'symbols')::bigint + v_symbols)
      else excluded.stats
    end
  returning (c.stats ->> 'files')::bigint, (c.stats ->> 'symbols')::bigint
  into v_files, v_symbols;
  return v_files + v_symbols;
end;
$$;

comment on function public.store_index_rows(uuid, integer) is
  'Stores the copied rows of an index that is still being built.';

alter function public.store_index_rows(uuid, integer) owner to job_writer;
revoke all on function public.store_index_rows(uuid, integer)
  from public, anon, authenticated, service_role;
grant execute on function public.store_index_rows(uuid, integer) to job_worker, service_role;
