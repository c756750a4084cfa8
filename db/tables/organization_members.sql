-- Made by `make docs` from a migrated database. Do not edit it: CONTRIBUTING.md says how to
-- change a table.

-- The members of each organization, with their roles.
-- Row-level security is on and forced.
create table public.organization_members (
  -- The organization.
  organization_id uuid not null,
  -- The member, a user of auth.users.
  user_id uuid not null,
  -- owner, admin or member.
  role text not null default 'member'::text,
  -- When the user joined.
  created_at timestamp with time zone not null default clock_timestamp(),
  constraint organization_members_pkey
    primary key (organization_id, user_id),
  constraint organization_members_organization_id_fkey
    foreign key (organization_id) references public.organizations(id) on delete cascade,
  constraint organization_members_user_id_fkey
    foreign key (user_id) references auth.users(id) on delete cascade,
  constraint organization_members_role_is_known
    check (role = any (array['owner'::text, 'admin'::text, 'member'::text]))
);

create index organization_members_user_id_idx on public.organization_members using btree (user_id);
