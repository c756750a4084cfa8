-- refuse_partial_index() -> trigger
--
-- Refuses, at COMMIT, rows that were stored without completing their job: rows of store_index_rows
-- do not count before complete_index.
--
-- Why definer: it reads every job, for any caller.
-- Raises:  PT409 index_not_completed.
-- Callers: none: the deferred trigger of indexed_commits.

create or replace function private.refuse_partial_index()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform
  from public.indexed_commits as c
  where c.repository_id = new.repository_id
    and c.job_id = new.job_id
    and not exists (
      select from public.index_jobs as j where j.id = c.job_id and j.status = 'completed');
  if found then
    raise exception 'the rows are stored without completing their job'
      using errcode = 'PT409', detail = 'index_not_completed', column = 'job_id',
        hint = 'Call complete_index in the transaction that stores the rows.';
  end if;
  return null;
end;
$$;

comment on function private.refuse_partial_index() is
  'Refuses a transaction that stores rows without completing their job.';

alter function private.refuse_partial_index() owner to job_writer;
revoke all on function private.refuse_partial_index()
  from public, anon, authenticated, service_role;

-- a constraint trigger cannot be replaced
drop trigger if exists indexed_commits_refuse_partial_index on public.indexed_commits;
create constraint trigger indexed_commits_refuse_partial_index
  after insert or update of job_id on public.indexed_commits
  deferrable initially deferred
  for each row execute function private.refuse_partial_index();
