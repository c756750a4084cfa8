-- Made by `make docs` from a migrated database. Do not edit it: CONTRIBUTING.md says how to
-- change a table.

-- Groups of users that share repositories and their jobs.
-- Row-level security is on and forced.
create table public.organizations (
  -- Primary key.
  id uuid not null default gen_random_uuid(),
  -- The name used in requests, a DNS label.
  slug text not null,
  -- The name shown to people.
  name text not null,
  -- When the row was created.
  created_at timestamp with time zone not null default clock_timestamp(),
  constraint organizations_pkey
    primary key (id),
  constraint organizations_slug_key
    unique (slug),
  constraint organizations_name_is_not_empty
    check (btrim(name) <> ''::text and length(name) <= 200),
  constraint organizations_slug_is_a_dns_label
    check (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'::text)
);
