-- rollout_bucket(p_user_id) -> integer
--
-- A number from 0 to 99 that is constant for a user and evenly distributed over users: a rollout to
-- n percent includes users below n.
--
-- Callers: job_gateway.

create or replace function private.rollout_bucket(p_user_id uuid)
returns integer
language sql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select (get_byte(h.hash, 0) * 65536 + get_byte(h.hash, 1) * 256 + get_byte(h.hash, 2)) % 100
  from (select sha256(uuid_send(p_user_id))) as h (hash);
$$;

comment on function private.rollout_bucket(uuid) is
  'Returns the bucket of a user in a rollout, 0 to 99.';

revoke all on function private.rollout_bucket(uuid) from public, anon, authenticated, service_role;
grant execute on function private.rollout_bucket(uuid) to job_gateway;
