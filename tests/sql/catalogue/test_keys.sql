-- Each key of the schemas public and private: primary and unique keys, foreign keys, and what
-- happens to rows when the referenced row is deleted. Each new key gets a line here.
begin;
select plan(3);

create temp table keys as
select k.conrelid::regclass::text as name, k.contype, pg_get_constraintdef(k.oid) as definition
from pg_constraint as k
where k.connamespace in ('public'::regnamespace, 'private'::regnamespace)
  and k.conrelid <> 0 and k.conrelid::regclass::text !~ 'yoyo';

select set_eq(
  $$ select k.name, k.definition from keys as k where k.contype in ('p', 'u', 'x') $$,
  $$ values
    ('organizations', 'PRIMARY KEY (id)'),
    ('organizations', 'UNIQUE (slug)'),
    ('organization_members', 'PRIMARY KEY (organization_id, user_id)'),
    ('repositories', 'PRIMARY KEY (id)'),
    ('index_jobs', 'PRIMARY KEY (id)'),
    ('index_job_events', 'PRIMARY KEY (job_id, event_no)'),
    ('indexed_commits', 'PRIMARY KEY (repository_id)'),
    ('indexed_files', 'PRIMARY KEY (id)'),
    ('indexed_files', 'UNIQUE (repository_id, path)'),
    ('symbols', 'PRIMARY KEY (id)'),
    ('skipped_files', 'PRIMARY KEY (id)'),
    ('private.idempotency_keys', 'UNIQUE NULLS NOT DISTINCT (user_id, key)'),
    ('private.runners', 'PRIMARY KEY (worker_id)'),
    ('private.queue_attempts', 'PRIMARY KEY (job_id)'),
    ('private.index_durations', 'PRIMARY KEY (id)'),
    ('private.tiers', 'PRIMARY KEY (name)'),
    ('private.accounts', 'PRIMARY KEY (user_id)'),
    ('private.api_keys', 'PRIMARY KEY (id)'),
    ('private.rate_limit_counters', 'PRIMARY KEY (user_id)'),
    ('private.admin_audit', 'PRIMARY KEY (id)'),
    ('private.job_ends', 'PRIMARY KEY (minute)'),
    ('private.job_metrics',
      'UNIQUE NULLS NOT DISTINCT (from_status, to_status, outcome, wait_le, duration_le)') $$,
  'these are the primary and unique keys of each table');
select set_eq(
  $$ select i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) from pg_index as i
     join pg_class as c on c.oid = i.indexrelid
     where i.indisunique and c.relname !~ 'yoyo'
       and c.relnamespace in ('public'::regnamespace, 'private'::regnamespace)
       and not exists (select from pg_constraint as k where k.conindid = i.indexrelid) $$,
  $$ select format('repositories_%s_full_name_idx', c) as name, format(
       'CREATE UNIQUE INDEX repositories_%1$s_full_name_idx ON public.repositories'
       ' USING btree (%1$s, full_name) WHERE (%1$s IS NOT NULL)', c) as definition
     from unnest(array['owner_user_id', 'organization_id']) as c $$,
  'each owner has a repository name once');
select set_eq(
  $$ select k.name, replace(k.definition, 'FOREIGN KEY ', '') from keys as k
     where k.contype = 'f' $$,
  $$ values
    ('organization_members', '(organization_id) REFERENCES organizations(id) ON DELETE CASCADE'),
    ('organization_members', '(user_id) REFERENCES auth.users(id) ON DELETE CASCADE'),
    ('repositories', '(organization_id) REFERENCES organizations(id) ON DELETE CASCADE'),
    ('repositories', '(owner_user_id) REFERENCES auth.users(id) ON DELETE CASCADE'),
    ('index_jobs', '(created_by) REFERENCES auth.users(id) ON DELETE SET NULL'),
    ('index_jobs', '(organization_id) REFERENCES organizations(id) ON DELETE CASCADE'),
    ('index_jobs', '(owner_user_id) REFERENCES auth.users(id) ON DELETE CASCADE'),
    ('index_jobs', '(repository_id) REFERENCES repositories(id) ON DELETE CASCADE'),
    ('index_job_events', '(job_id) REFERENCES index_jobs(id) ON DELETE CASCADE'),
    ('indexed_commits', '(repository_id) REFERENCES repositories(id) ON DELETE CASCADE'),
    ('indexed_files', '(repository_id) REFERENCES repositories(id) ON DELETE CASCADE'),
    ('skipped_files', '(repository_id) REFERENCES repositories(id) ON DELETE CASCADE'),
    ('private.idempotency_keys',
      '(job_id) REFERENCES index_jobs(id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED'),
    ('private.queue_attempts', '(job_id) REFERENCES index_jobs(id) ON DELETE CASCADE'),
    ('private.idempotency_keys', '(user_id) REFERENCES auth.users(id) ON DELETE CASCADE'),
    ('private.index_durations', '(repository_id) REFERENCES repositories(id) ON DELETE CASCADE'),
    ('private.accounts', '(tier) REFERENCES private.tiers(name) ON UPDATE CASCADE'),
    ('private.accounts', '(user_id) REFERENCES auth.users(id) ON DELETE CASCADE'),
    ('private.api_keys', '(user_id) REFERENCES auth.users(id) ON DELETE CASCADE') $$,
  'rows are deleted with their parent, but a job outlives the user who requested it');

select * from finish();
rollback;
