begin;
select plan(6);

select tests.arrange_cast();
select tests.arrange_job('own', 'pending', tests.alice_repository());
select tests.arrange_job('shared', 'pending', tests.acme_repository());
insert into repositories (full_name, git_url, owner_user_id)
values ('carol/x', 'https://example.com/carol/x.git', tests.carol());
create function pg_temp.listed(p_user uuid, p_repository text, p_organization text default null)
returns text
language sql
as $$
  select case when a.verdict = 'ok' then a.body::json -> 'jobs' -> 0 ->> 'id'
    else a.verdict || ' ' || a.code || ' ' || a.field end
  from public.api_list_index_jobs(
    null, jsonb_build_object('sub', p_user, 'role', 'authenticated'),
    p_organization => p_organization, p_repository => p_repository) as a;
$$;
select tests.act_as_http();

select is(
  pg_temp.listed(tests.alice(), 'alice/app'), tests.id('own')::text,
  'jobs of an own repository are found by its name');
select is(
  pg_temp.listed(tests.alice(), tests.alice_repository()::text), tests.id('own')::text,
  'jobs of an own repository are found by its id');
select is(
  pg_temp.listed(tests.carol(), 'acme/shop', 'acme'), tests.id('shared')::text,
  'jobs of an organization''s repository are found by its name');
select is(
  pg_temp.listed(tests.carol(), 'acme/shop'), 'PT422 unknown_repository repository',
  'a repository of the organization is not in the member''s own scope');
select is(
  pg_temp.listed(tests.carol(), 'alice/app', 'acme'), 'PT422 unknown_repository repository',
  'a repository of a user is not in the organization''s scope');
select is(
  pg_temp.listed(tests.carol(), 'carol/x', 'acme'), 'PT422 unknown_repository repository',
  'this includes a repository of the member');

select * from finish();
rollback;
