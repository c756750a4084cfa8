-- Made by `make docs` from a migrated database. Do not edit it: CONTRIBUTING.md says how to
-- change a table.

-- The tier of each user; a user without a row is on the free tier.
-- No row-level security: only functions and the roles in db/tables/roles.sql reach it.
create table private.accounts (
  -- The user.
  user_id uuid not null,
  -- The tier.
  tier text not null default 'free'::text,
  constraint accounts_pkey
    primary key (user_id),
  constraint accounts_tier_fkey
    foreign key (tier) references private.tiers(name) on update cascade,
  constraint accounts_user_id_fkey
    foreign key (user_id) references auth.users(id) on delete cascade
);

create index accounts_tier_idx on private.accounts using btree (tier);
