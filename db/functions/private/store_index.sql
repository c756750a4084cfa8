-- store_index(p_job, p_is_change, p_stats) -> void
--
-- Updates the rows of a repository from what this transaction has copied and stored before: all of
-- it, or a change (p_is_change) to the stored rows.
--
-- Raises:  PT409 rows_missing when the rows are not those that the stats count; PT422 invalid_rows.
-- Callers: job_writer: complete_index, with the repository locked.

create or replace function private.store_index(
  p_job public.index_jobs,
  p_is_change boolean,
  p_stats jsonb
)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_before bigint;
  v_moved bigint;
  v_sent_files bigint;
  v_sent_symbols bigint;
  v_files bigint;
  v_symbols bigint;
  v_own_files bigint;
begin
  if p_is_change then
    perform private.delete_gone_files(p_job);
  else
    perform private.delete_files_of_other_jobs(p_job);
  end if;
  select (c.stats ->> 'symbols')::bigint into v_before -- stored by store_index_rows
  from public.indexed_commits as c
  where c.repository_id = p_job.repository_id and c.job_id = p_job.id;
  select m.symbols into v_moved from private.store_incoming_rows(p_job) as m;

  select count(*), coalesce(sum(i.symbol_count), 0) into v_sent_files, v_sent_symbols
  from private.incoming_files as i
  where i.transaction = pg_current_xact_id();
  select count(*), coalesce(sum(f.symbol_count), 0), count(*) filter (where f.job_id = p_job.id)
  into v_files, v_symbols, v_own_files
  from public.indexed_files as f
  where f.repository_id = p_job.repository_id;
  if p_stats -> 'files_indexed' is distinct from to_jsonb(v_files)
    or p_stats -> 'symbols_extracted' is distinct from to_jsonb(v_symbols)
    or v_sent_files <> v_own_files
    or v_sent_symbols <> v_moved + coalesce(v_before, 0)
  then
    raise exception
      'stats count % files and % symbols; the rows are % files and % symbols, of which this '
      'transaction sent % files, announcing % symbols, and % symbols',
      p_stats -> 'files_indexed', p_stats -> 'symbols_extracted', v_files, v_symbols,
      v_sent_files, v_sent_symbols, v_moved + coalesce(v_before, 0)
      using errcode = 'PT409', detail = 'rows_missing', column = 'stats',
        hint = 'COPY every row and call complete_index in one transaction; files_indexed and '
          'symbols_extracted count all rows of the repository.';
  end if;
end;
$$;

comment on function private.store_index(public.index_jobs, boolean, jsonb) is
  'Stores the rows of an index, and refuses rows that do not match its stats.';

revoke all on function private.store_index(public.index_jobs, boolean, jsonb)
  from public, anon, authenticated, service_role;
grant execute on function private.store_index(public.index_jobs, boolean, jsonb) to job_writer;
