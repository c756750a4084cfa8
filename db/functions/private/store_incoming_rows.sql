-- store_incoming_rows(p_job) -> table (files, symbols)
--
-- Stores what this transaction has copied into the staging tables, and returns how many files and
-- symbols that were. Rows of files stay in staging for symbols that follow.
--
-- Nested loops are off: the statistics of the staging tables do not know this transaction's rows,
-- and a plan for empty tables would take minutes to store 200,000 symbols.
--
-- Raises:  PT422 invalid_rows for a row that does not fit, symbols of a file that was not copied,
--          more than 10,000 skipped files.
-- Callers: job_writer: store_index_rows, private.store_index, with the repository locked.

create or replace function private.store_incoming_rows(p_job public.index_jobs)
returns table (files bigint, symbols bigint)
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
as $$
declare
  v_transaction xid8 := pg_current_xact_id();
  v_copied bigint;
  v_skipped bigint;
  v_rule text;
begin
  -- Each kind is checked once (offset 0 keeps the planner from testing every row): a table
  -- constraint would take a quarter of the storing time.
  perform
  from (
    select distinct s.kind
    from private.incoming_symbols as s
    where s.transaction = v_transaction
    offset 0) as k
  where k.kind !~ '^[a-z_]{1,40}$';
  if found then
    raise exception 'the kind of a symbol is not a lower-case word'
      using errcode = 'PT422', detail = 'invalid_rows', column = 'kind',
        hint = 'Use letters and underscores, at most 40, such as function or class.';
  end if;

  begin
    insert into public.indexed_files
      (repository_id, job_id, path, language, bytes, blob_sha, symbol_count)
    select p_job.repository_id, p_job.id, i.path, i.language, i.bytes, i.blob_sha, i.symbol_count
    from private.incoming_files as i
    where i.transaction = v_transaction
      and not exists (
        select from public.indexed_files as f
        where f.repository_id = p_job.repository_id and f.path = i.path);
    get diagnostics files = row_count;

    insert into public.symbols (repository_id, file_id, name, kind, start_line, end_line, parent)
    select f.repository_id, f.id, s.name, s.kind, s.start_line, s.end_line, s.parent
    from private.incoming_symbols as s
    join private.incoming_files as i
      on i.transaction = v_transaction and i.file_no = s.file_no
    join public.indexed_files as f
      on f.repository_id = p_job.repository_id and f.path = i.path
    where s.transaction = v_transaction;
    get diagnostics symbols = row_count;

    insert into public.skipped_files (repository_id, job_id, path, reason)
    select p_job.repository_id, p_job.id, left(k.path, 2000), k.reason
    from private.incoming_skipped as k
    where k.transaction = v_transaction;
  exception
    when check_violation or not_null_violation or unique_violation or program_limit_exceeded then
      get stacked diagnostics v_rule = constraint_name;
      raise exception 'a row is not valid: %', coalesce(nullif(v_rule, ''), sqlerrm)
        using errcode = 'PT422', detail = 'invalid_rows', column = 'rows',
          hint = 'Send rows that satisfy the constraints of the tables, each file once.';
  end;

  delete from private.incoming_symbols as s where s.transaction = v_transaction;
  get diagnostics v_copied = row_count;
  if v_copied <> symbols then
    raise exception 'symbols refer to a file_no that is unknown or not unique'
      using errcode = 'PT422', detail = 'invalid_rows', column = 'file_no',
        hint = 'COPY each file before or with its symbols, and give it a unique number.';
  end if;
  delete from private.incoming_skipped as k where k.transaction = v_transaction;
  select count(*) into v_skipped
  from public.skipped_files as k
  where k.repository_id = p_job.repository_id and k.job_id = p_job.id;
  if v_skipped > 10000 then
    raise exception 'more than 10000 skipped files'
      using errcode = 'PT422', detail = 'invalid_rows', column = 'skipped',
        hint = 'COPY the first 10000; the stats count them all.';
  end if;
  return next;
end;
$$;

comment on function private.store_incoming_rows(public.index_jobs) is
  'Stores the rows that this transaction has copied.';

revoke all on function private.store_incoming_rows(public.index_jobs)
  from public, anon, authenticated, service_role;
grant execute on function private.store_incoming_rows(public.index_jobs) to job_writer;
