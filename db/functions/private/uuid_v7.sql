-- uuid_v7() -> uuid
--
-- A version 7 UUID (RFC 9562): 48 bits of Unix milliseconds, then random bits, so that new ids sort
-- by age. Core has uuidv7() only from Postgres 18 on.
--
-- Callers: job_writer.

create or replace function private.uuid_v7()
returns uuid
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select (
    lpad(to_hex((extract(epoch from private.clock()) * 1000)::bigint), 12, '0')
    || '7' || substr(replace(gen_random_uuid()::text, '-', ''), 14)
  )::uuid;
$$;

comment on function private.uuid_v7() is
  'A version 7 UUID, ordered by time.';

revoke all on function private.uuid_v7() from public, anon, authenticated, service_role;
grant execute on function private.uuid_v7() to job_writer;
