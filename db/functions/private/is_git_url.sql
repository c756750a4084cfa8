-- is_git_url(p_git_url) -> boolean
--
-- Whether a repository may be at that address: an http or https URL, a file URL or an absolute path
-- of at most 2,048 characters, without a backslash or characters that make a line look different.
-- An http or https URL has a host and a path, and no query, fragment or credentials: no @ in the
-- host, and no colon anywhere before an @ (a password may contain slashes). A host whose last label
-- is a number must be an IPv4 address of four decimal numbers, because programs read other
-- spellings differently. The indexer applies the same rules: worker/indexer/rules.py.
--
-- Callers: authenticated, job_gateway, job_writer, service_role.

create or replace function private.is_git_url(p_git_url text)
returns boolean
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_ipv4 constant text := '(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])'
    '([.](25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])){3}';
  v_host text;
begin
  if p_git_url is null then
    return null;
  end if;
  if length(p_git_url) > 2048
    or p_git_url ~ '[\u0001-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\\]'
  then
    return false;
  end if;
  if p_git_url !~* '^https?:' then
    return p_git_url ~ '^/[^ ]'
      or (p_git_url ~* '^file://(localhost)?/[^ ?#][^?#]*$'
        and p_git_url !~* '%([01][0-9a-f]|7f)');
  end if;
  v_host := lower(substring(p_git_url
    from '^[A-Za-z]+://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\][.]?)(?::[1-9][0-9]{0,4})?/'));
  if v_host is null
    or p_git_url !~* '^[^/]+//[^/]+/+[a-z0-9._~!$&''()*+,;=:@%-][a-z0-9._~!$&''()*+,;=:@%/-]*$'
    or p_git_url ~ '://([^/]*|.*:.*)@'
    or p_git_url ~* '(/|%2f)([.]|%2e){2}(/|%2f|$)'
    or p_git_url ~* '%([01][0-9a-f]|7f)'
    or substring(p_git_url from '^[^/]+//[^/]*[^/:]:([0-9]+)/')::integer > 65535
  then
    return false;
  end if;
  v_host := regexp_replace(v_host, '[.]$', '');
  if v_host ~ '^\[' then
    return (v_host !~ '[.]' or v_host ~ (':' || v_ipv4 || ']$'))
      and family(btrim(v_host, '[]')::inet) = 6;
  end if;
  if v_host ~ '(^|[.])([0-9]+|0x[0-9a-f]*)$' then
    return v_host ~ ('^' || v_ipv4 || '$');
  end if;
  return v_host ~ '^[a-z0-9]([a-z0-9-]*[a-z0-9])?([.][a-z0-9]([a-z0-9-]*[a-z0-9])?)*$';
exception
  when invalid_text_representation then  -- in brackets, but not an address
    return false;
end;
$$;

comment on function private.is_git_url(text) is
  'Whether a text is an address to clone from, without credentials.';

revoke all on function private.is_git_url(text) from public, anon, authenticated, service_role;
grant execute on function private.is_git_url(text)
  to authenticated, service_role, job_gateway, job_writer;
