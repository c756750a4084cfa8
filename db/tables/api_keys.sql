-- Made by `make docs` from a migrated database. Do not edit it: CONTRIBUTING.md says how to
-- change a table.

-- API keys. Only the hash of the secret is stored.
-- No row-level security: only functions and the roles in db/tables/roles.sql reach it.
create table private.api_keys (
  -- The public part of the key, 16 hex digits.
  id text not null,
  -- The owner of the key.
  user_id uuid not null,
  -- The name given by its owner.
  name text not null,
  -- SHA-256 of the secret part.
  secret_hash bytea not null,
  -- False once revoked.
  enabled boolean not null default true,
  -- When it was created.
  created_at timestamp with time zone not null,
  -- When it stops working; null for never.
  expires_at timestamp with time zone,
  -- When it was last used, to the hour.
  last_used_at timestamp with time zone,
  constraint api_keys_pkey
    primary key (id),
  constraint api_keys_user_id_fkey
    foreign key (user_id) references auth.users(id) on delete cascade,
  constraint api_keys_name_is_not_empty
    check (btrim(name) <> ''::text and length(name) <= 100)
);

create index api_keys_user_id_created_at_idx on private.api_keys using btree (user_id, created_at);
