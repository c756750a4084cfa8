-- is_commit_sha(p_commit_sha) -> boolean
--
-- Whether the text is a full commit id: 40 hexadecimal digits. The longer ids of SHA-256
-- repositories cannot be indexed. The indexer applies the same rule: worker/indexer/rules.py.
--
-- Callers: job_writer.

create or replace function private.is_commit_sha(p_commit_sha text)
returns boolean
language sql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select p_commit_sha ~ '^[0-9A-Fa-f]{40}$';
$$;

comment on function private.is_commit_sha(text) is 'Whether the text is a full commit id.';

revoke all on function private.is_commit_sha(text) from public, anon, authenticated, service_role;
grant execute on function private.is_commit_sha(text) to job_writer;
