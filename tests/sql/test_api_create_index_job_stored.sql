-- A repository stored with exactly the requested name and URL is not parsed again.
begin;
select plan(11);

set local track_functions = 'pl';
select tests.arrange_cast();
insert into private.accounts (user_id, tier)
select u.id, 'team' from unnest(array[tests.alice(), tests.bob(), tests.carol()]) as u (id);
select tests.act_as(tests.alice());
create temp table stored as
select * from ensure_repository('alice/app', 'https://example.com/alice/app.git')
union all select * from ensure_repository('alice/x.git', 'https://example.com/alice/x.git.git')
union all select * from ensure_repository('alice/a/b', 'https://example.com/alice/a/b.git')
union all select * from ensure_repository('alice/moved', 'https://example.com/elsewhere.git');
grant select on stored to public;

create function pg_temp.calls() returns bigint language sql as $$
  select coalesce(sum(f.calls), 0) from pg_stat_xact_user_functions as f
  where f.funcname in ('parse_repository', 'ensure_repository');
$$;
-- the verdict, the repository of the job, and whether the request was parsed
create function pg_temp.created(
  p_user uuid, p_repository text, p_organization text default null,
  p_base text default 'https://example.com/', p_local_url text default null)
returns text
language plpgsql
as $$
declare
  v_before bigint := pg_temp.calls();
  v_answer private.api_answer;
begin
  perform tests.act_as_http();
  v_answer := public.api_create_index_job(
    null, jsonb_build_object('sub', p_user, 'role', 'authenticated'), p_repository, p_organization,
    p_git_base_url => p_base, p_local_url => p_local_url);
  perform tests.act_as_admin();
  return concat_ws(' ', v_answer.verdict, v_answer.code, (
    select r.full_name || ' ' || r.git_url || ' ' || (r.owner_user_id = p_user)
    from public.index_jobs as j
    join public.repositories as r on r.id = j.repository_id
    where j.id = v_answer.job_id),
    case when pg_temp.calls() > v_before then 'parsed' end);
end;
$$;

select is(
  pg_temp.created(tests.alice(), 'alice/app'),
  'ok alice/app https://example.com/alice/app.git true', 'a stored repository is found by name');
select is(
  pg_temp.created(tests.bob(), 'alice/app'),
  'ok alice/app https://example.com/alice/app.git true parsed',
  'another user gets a separate repository');
select is(
  pg_temp.created(tests.bob(), 'alice/app'),
  'ok alice/app https://example.com/alice/app.git true', 'this repository is then stored too');
select is(
  pg_temp.created(tests.alice(), 'alice/x.git'),
  'ok alice/x https://example.com/alice/x.git true parsed',
  'a trailing .git is not part of the name');
select is(
  pg_temp.created(tests.alice(), 'alice/a/b'), 'PT422 invalid_repository',
  'a name cannot have three parts');
select is(
  pg_temp.created(tests.alice(), 'alice/moved'), 'PT409 repository_url_differs parsed',
  'a repository stored with another URL is rejected');
select is(
  pg_temp.created(tests.alice(), 'alice/app', p_base => 'https://other.example/'),
  'PT409 repository_url_differs parsed', 'the same with another base URL is rejected');
select is(
  pg_temp.created(tests.alice(), 'alice/app', p_local_url => 'file:///srv/app'),
  'PT409 repository_url_differs parsed', 'the same with a folder is rejected');
select is(
  pg_temp.created(tests.alice(), 'alice/app', 'acme'), 'PT422 unknown_organization',
  'a foreign organization is unknown');
select is(
  pg_temp.created(tests.carol(), 'acme/shop'),
  'ok acme/shop https://example.com/acme/shop.git true parsed',
  'without an organization, a member gets a repository of her own');
select is(pg_temp.created(tests.alice(), null), 'PT422 missing_repository', 'a name is required');

select * from finish();
rollback;
