begin;
select plan(4);

select tests.arrange_cast();
insert into public.repositories (id, full_name, git_url, owner_user_id, organization_id)
values ('00000000-0000-4000-8000-000000000008', 'acme/other', '/x', null, tests.acme()),
  ('00000000-0000-4000-8000-000000000009', 'carol/other', '/x', tests.carol(), null);
create temp table made as
select tests.job_for(r.id) as id, r.id as repository_id, r.organization_id, e.status, e.begun
from public.repositories as r
cross join (values ('pending', false), ('processing', true), ('completed', true), ('failed', true),
  ('failed', false), ('cancelled', true), ('cancelled', false)) as e (status, begun)
cross join generate_series(1, 2)
where r.organization_id is not null or r.owner_user_id = tests.carol();
grant select on made to public;
select tests.act_as_worker();
select update_job_status(m.id, 'processing') from made as m where m.begun;
select update_job_status(
  m.id, m.status, case m.status when 'failed' then '{"error": "x"}' else '{}' end::jsonb)
from made as m
where m.status in ('completed', 'failed', 'cancelled');

create function pg_temp.listed(p_organization uuid, p_repository uuid, p_status text)
returns uuid[] language sql as $$
  select array_agg(j.id order by j.id)
  from list_index_jobs(p_organization, p_repository, p_status, p_limit => 100) as j;
$$;
create function pg_temp.made(p_organization uuid, p_repository uuid, p_status text)
returns uuid[] language sql as $$
  select array_agg(m.id order by m.id)
  from made as m
  where m.organization_id is not distinct from p_organization
    and (p_repository is null or m.repository_id = p_repository)
    and (p_status is null or m.status = p_status);
$$;

select tests.act_as(tests.carol());
select is(
  (select count(distinct j.status)
   from list_index_jobs(tests.acme(), p_limit => 100) as j), 5::bigint,
  'there are jobs of each status');
select is_empty(
  $$ select s.status, o.id, r.id
     from unnest(enum_range(null::job_status)::text[] || array[null]) as s (status)
     cross join (values (tests.acme()), (null)) as o (id)
     cross join lateral (select distinct m.repository_id from made as m
       where m.organization_id is not distinct from o.id union all select null) as r (id)
     where pg_temp.listed(o.id, r.id, s.status) is distinct from
       pg_temp.made(o.id, r.id, s.status) $$,
  'each filter by status, scope and repository lists exactly the matching jobs');
select is_empty(
  $$ select list_index_jobs(null, m.repository_id, m.status) from made as m
     where m.organization_id is not null $$,
  'an organization''s repository has no jobs in the user''s scope');
select tests.act_as(tests.dave());
select is_empty(
  $$ select list_index_jobs(tests.acme(), r.id, s.status)
     from unnest(enum_range(null::job_status)::text[]) as s (status)
     cross join (values (null), (tests.acme_repository())) as r (id) $$,
  'a former member lists no jobs of any status');

select * from finish();
rollback;
