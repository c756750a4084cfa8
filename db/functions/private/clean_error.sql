-- clean_error(p_error) -> text
--
-- The error as it may be shown: user and password in URLs replaced by ***, control characters by
-- U+FFFD (all but tab and line ends: no terminal shall obey an error), cut at 2,000 characters (and
-- saying so).

create or replace function private.clean_error(p_error text)
returns text
language sql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select case
    when length(e.text) > 2000 then left(e.text, 1980) || ' … (cut, ' || length(e.text) || ')'
    else e.text
  end
  from (
    select regexp_replace(
      regexp_replace(
        btrim(p_error), '[\u0001-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]', U&'\FFFD', 'g'),
      '([A-Za-z][A-Za-z0-9+.-]*://)[^/[:space:]]*@', '\1***@', 'g')
  ) as e (text);
$$;

comment on function private.clean_error(text) is
  'The error text with credentials redacted, cut at 2,000 characters.';

revoke all on function private.clean_error(text)
  from public, anon, authenticated, service_role;
grant execute on function private.clean_error(text) to job_writer;
