-- uuid_v7() -> uuid
--
-- A version 7 UUID (RFC 9562): 48 bits of Unix milliseconds, then random bits, so that new ids sort
-- by age. Core has uuidv7() only from Postgres 18 on. Two bits make a 7 of the version 4.
--
-- Callers: job_writer.

create or replace function private.uuid_v7()
returns uuid
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select encode(overlay(set_bit(set_bit(uuid_send(gen_random_uuid()), 52, 1), 53, 1)
    placing substr(int8send((extract(epoch from private.clock()) * 1000)::bigint), 3) from 1),
    'hex')::uuid;
$$;

comment on function private.uuid_v7() is 'A version 7 UUID, ordered by time.';

revoke all on function private.uuid_v7() from public, anon, authenticated, service_role;
grant execute on function private.uuid_v7() to job_writer;
