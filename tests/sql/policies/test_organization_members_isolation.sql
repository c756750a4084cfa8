-- The policies of each table do not rely on other policies: they hold even if members could see
-- all memberships, which no policy allows today.
begin;
select plan(6);

select tests.arrange_cast();
delete from repositories where id = tests.alice_repository();
insert into organizations (id, slug, name)
values ('00000000-0000-4000-8000-0000000000e1', 'other', 'Other');
insert into organization_members (organization_id, user_id, role)
values ('00000000-0000-4000-8000-0000000000e1', tests.alice(), 'owner');
select tests.arrange_job('job', 'completed', tests.acme_repository());
insert into indexed_files (repository_id, job_id, path, bytes, blob_sha)
values (tests.acme_repository(), tests.id('job'), 'a.py', 1, 'x');
insert into symbols (repository_id, file_id, name, kind, start_line, end_line)
values (tests.acme_repository(), 1, 'f', 'function', 1, 1);
insert into skipped_files (repository_id, job_id, path, reason)
values (tests.acme_repository(), tests.id('job'), 'b.py', 'binary');
insert into indexed_commits (repository_id, job_id, commit_sha, extractor, stats)
values (tests.acme_repository(), tests.id('job'), repeat('a', 40), 'x', '{}');
create policy organization_members_open on organization_members
  for select to authenticated using (true);

create function pg_temp.rows_seen() returns table (name text, has_rows boolean)
language plpgsql as $$
begin
  for name in
    select c.relname from pg_class as c
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
      and has_table_privilege('authenticated', c.oid, 'select')
  loop
    execute format('select exists (select from public.%I)', name) into has_rows;
    return next;
  end loop;
end;
$$;

select tests.act_as(tests.carol());
select is_empty(
  'select s.name from pg_temp.rows_seen() as s where not s.has_rows',
  'a member sees rows of the organization in every table');
select tests.act_as(tests.alice());
select set_eq(
  'select s.name from pg_temp.rows_seen() as s where s.has_rows',
  array['organizations', 'organization_members'],
  'a member of another organization sees no rows of it in any table');
select results_eq(
  'select o.slug from organizations as o', array['other'], 'she sees only her own organization');
select is(
  tests.refusal($$ insert into repositories (full_name, git_url, organization_id)
    values ('acme/x', 'https://example.com/x.git', tests.acme()) $$),
  '42501', 'she may not add a repository to the first one');
select is(
  tests.refusal($$ insert into repositories (full_name, git_url, organization_id)
    values ('other/x', 'https://example.com/x.git', '00000000-0000-4000-8000-0000000000e1') $$),
  'accepted', 'she may add a repository to her own');
select is(
  tests.refusal($$ select ensure_repository('acme/y', 'https://example.com/y.git',
    tests.acme()) $$),
  'PT422 unknown_organization organization', 'she may not add a repository by a function');

select * from finish();
rollback;
