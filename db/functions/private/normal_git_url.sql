-- normal_git_url(p_git_url) -> text
--
-- The normal spelling of an address: addresses that mean the same on every host have the same one.
-- An address that is_git_url rejects is returned unchanged. Scheme and host are lower case, without
-- a final dot; www. is dropped for hosts that only redirect from there; the default port is
-- dropped. In the path, letters, digits and ._~+- are literal and everything else is %XX; there are
-- no empty or . segments and no final slash. An absolute path becomes a file URL. The letter case
-- of a path and a final .git are kept (see is_same_git_url), because hosts may distinguish them.
--
-- Callers: authenticated, job_gateway, job_writer.

create or replace function private.normal_git_url(p_git_url text)
returns text
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_parts text[];
  v_host text;
  v_port text;
  v_path text;
begin
  if private.is_git_url(p_git_url) is not true then
    return p_git_url;
  end if;
  v_parts := regexp_match(
    regexp_replace(p_git_url, '^/', 'file:///'), '^([A-Za-z]+://)([^/]*)(/.*)$');
  v_path := v_parts[3];
  if starts_with(p_git_url, '/') then
    v_path := replace(v_path, '%', '%25');
  end if;
  if v_path ~ '[^A-Za-z0-9._~+/-]' then
    select string_agg(
      case
        when t.token ~* '^%(2[bde]|3[0-9]|4[1-9a-f]|5[0-9af]|6[1-9a-f]|7[0-9ae])$'
          then convert_from(decode(substr(t.token, 2), 'hex'), 'UTF8')
        when t.token ~ '^%..$' then upper(t.token)
        when t.token ~ '^[A-Za-z0-9._~+/-]$' then t.token
        else regexp_replace(
          upper(encode(convert_to(t.token, 'UTF8'), 'hex')), '(..)', '%\1', 'g')
      end, '' order by t.n)
    into v_path
    from (
      select m.parts[1], m.n
      from regexp_matches(v_path, '%[0-9A-Fa-f]{2}|.', 'g') with ordinality as m (parts, n)
    ) as t (token, n);
  end if;
  v_path := regexp_replace(v_path, '/([.]?/)+', '/', 'g');
  v_path := regexp_replace(v_path, '([^/])/[.]?$', '\1');

  if lower(v_parts[1]) = 'file://' then
    return 'file://' || v_path;
  end if;
  v_host := lower(substring(v_parts[2] from '^(?:\[.*\]|[^:]*[^:.])'));
  v_port := coalesce(substring(v_parts[2] from ':[0-9]+$'), '');
  if v_port = (case lower(v_parts[1]) when 'https://' then ':443' else ':80' end) then
    v_port := '';
  end if;
  if v_host ~ '^\[' then
    v_host := '[' || host(btrim(v_host, '[]')::inet) || ']';
  elsif v_port = '' then
    v_host := regexp_replace(v_host, '^www[.](github[.]com|gitlab[.]com|bitbucket[.]org)$', '\1');
  end if;
  return lower(v_parts[1]) || v_host || v_port || v_path;
end;
$$;

comment on function private.normal_git_url(text) is
  'Returns the normal spelling of a repository''s address.';

revoke all on function private.normal_git_url(text)
  from public, anon, authenticated, service_role;
grant execute on function private.normal_git_url(text) to authenticated, job_gateway, job_writer;
