-- is_git_ref(p_ref) -> boolean
--
-- Whether git would accept the text as the name of a branch, a tag or a commit. Follows the rules
-- of git check-ref-format(1), plus: no leading dash, at most 255 characters, and no characters that
-- make a line look different (C1 controls, line separators, bidi controls). The indexer applies the
-- same rules: worker/indexer/rules.py.
--
-- Callers: job_writer.

create or replace function private.is_git_ref(p_ref text)
returns boolean
language sql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select length(p_ref) between 1 and 255
    and p_ref !~ '[\u0001-\u0020\u007f~^:?*\[\\]'
    and p_ref !~ '[\u0080-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]'
    and p_ref !~ '(\.\.|@\{|//)'
    and p_ref !~ '(^|/)[.]'
    and p_ref !~ '[.]lock(/|$)'
    and p_ref !~ '^[-/]'
    and p_ref !~ '[/.]$'
    and p_ref <> '@';
$$;

comment on function private.is_git_ref(text) is
  'Whether the text can name a git branch, tag or commit.';

revoke all on function private.is_git_ref(text) from public, anon, authenticated, service_role;
grant execute on function private.is_git_ref(text) to job_writer;
