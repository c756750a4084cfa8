-- Made by `make docs` from a migrated database. Do not edit it: CONTRIBUTING.md says how to
-- change a table.

-- Git repositories, each owned by exactly one user or one organization.
-- Row-level security is on and forced.
create table public.repositories (
  -- Primary key.
  id uuid not null default gen_random_uuid(),
  -- owner/name, unique for each owner.
  full_name text not null,
  -- Where the indexer clones from: an https URL, or a local path if a setting allows it.
  git_url text not null,
  -- The owning user, or null.
  owner_user_id uuid,
  -- The owning organization, or null.
  organization_id uuid,
  -- When the row was created.
  created_at timestamp with time zone not null default clock_timestamp(),
  constraint repositories_pkey
    primary key (id),
  constraint repositories_organization_id_fkey
    foreign key (organization_id) references public.organizations(id) on delete cascade,
  constraint repositories_owner_user_id_fkey
    foreign key (owner_user_id) references auth.users(id) on delete cascade,
  constraint repositories_belong_to_one_owner
    check (num_nonnulls(owner_user_id, organization_id) = 1),
  constraint repositories_full_name_is_a_path
    check (private.is_repository_name(full_name)),
  constraint repositories_git_url_is_without_credentials
    check (private.is_git_url(git_url))
);

create unique index repositories_organization_id_full_name_idx on public.repositories using btree
  (organization_id, full_name) where (organization_id is not null);

create unique index repositories_owner_user_id_full_name_idx on public.repositories using btree
  (owner_user_id, full_name) where (owner_user_id is not null);
