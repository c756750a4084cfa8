-- parse_since(p_since, p_name) -> timestamptz
--
-- Parses a time in RFC 3339, also with a space for the T, without seconds, or with an offset of
-- hours only. It needs a zone, whose offset may be up to 23:59; Postgres accepts less. p_name is
-- the argument's name in the error.
--
-- Raises:  PT422 invalid_since.
-- Callers: job_gateway.

create or replace function private.parse_since(p_since text, p_name text default 'since')
returns timestamptz
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_parts text[];
  v_since timestamptz;
begin
  if p_since is null then
    return null;
  end if;
  v_parts := regexp_match(p_since,
    '^([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]'
    '((?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.][0-9]+)?)?)'
    '(?:[Zz]|([+-])([01][0-9]|2[0-3])(?::?([0-5][0-9]))?)$');
  begin
    v_since := (v_parts[1] || ' ' || v_parts[2])::timestamp at time zone 'UTC'
      - case when v_parts[3] = '-' then -1 else 1 end * make_interval(
        hours => coalesce(v_parts[4], '0')::integer, mins => coalesce(v_parts[5], '0')::integer);
  exception when data_exception then
    null;  -- a 30th of February, raised below
  end;
  if v_since >= '0001-01-01 00:00+00' and v_since < '10000-01-01 00:00+00' then
    return v_since;
  end if;
  raise exception '% is not a time with a zone', p_name
    using errcode = 'PT422', detail = 'invalid_since', column = p_name,
      hint = 'Send RFC 3339, such as 2026-01-31T12:00:00Z; write + as %2B in a URL.';
end;
$$;

comment on function private.parse_since(text, text) is 'Parses a time.';

revoke all on function private.parse_since(text, text)
  from public, anon, authenticated, service_role;
grant execute on function private.parse_since(text, text) to job_gateway;
