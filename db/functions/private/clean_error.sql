-- clean_error(p_error) -> text
--
-- The error as it may be shown. In URLs, user and password are replaced by ***, and so are tokens
-- and similar values in queries. A password may contain slashes, so a colon anywhere before an @
-- marks one. Control characters except tab and line ends become U+FFFD, so that a terminal does not
-- execute them. Longer than 2,000 characters is cut, and says so. Only the first 8,000 characters
-- are read, to bound the time.
--
-- Callers: job_writer.

create or replace function private.clean_error(p_error text)
returns text
language sql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select case
    when e.length > 2000 then left(e.text, 1980) || ' … (cut, ' || e.length || ')'
    else e.text
  end
  from (select btrim(p_error)) as b (text)
  cross join lateral (
    select regexp_replace(
      regexp_replace(
        regexp_replace(
          left(b.text, 8000),
          '[\u0001-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]', U&'\FFFD', 'g'),
        '([A-Za-z][A-Za-z0-9+.-]*://)([^/[:space:]]*|[^[:space:]]*:[^[:space:]]*)@', '\1***@', 'g'),
      '([?&;#][a-z0-9_.-]*(token|secret|passw|api_?key|signature|credential)[a-z0-9_.-]*=)'
        '[^&;#[:space:]''"<>]*', '\1***', 'gi')
  ) as r (text)
  cross join lateral (
    select r.text, length(r.text) + greatest(length(b.text) - 8000, 0)
  ) as e (text, length);
$$;

comment on function private.clean_error(text) is
  'Returns the error text with credentials redacted, cut at 2,000 characters.';

revoke all on function private.clean_error(text) from public, anon, authenticated, service_role;
grant execute on function private.clean_error(text) to job_writer;
