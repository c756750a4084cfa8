-- What test databases have besides the migrations: a clock that can be set, the test users, and
-- functions to act as one of them. Loaded once into each test database, and into no other.

create schema tests;
grant usage on schema tests to public;

-- The clock: the wall clock plus a shift, or a fixed time plus the shift.

create table tests.clock (
  only_row boolean primary key default true check (only_row),
  fixed timestamptz,
  shift interval not null default '0'
);
insert into tests.clock default values;
grant select on table tests.clock to public;

create or replace function private.clock()
returns timestamptz
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(c.fixed, clock_timestamp()) + c.shift from tests.clock as c;
$$;

create function tests.set_clock(p_now timestamptz)
returns void
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
  update tests.clock set fixed = p_now, shift = '0';
$$;
comment on function tests.set_clock(timestamptz) is
  'Stops the clock at a time. Null returns to the wall clock.';

create function tests.advance_clock(p_by interval)
returns void
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
  update tests.clock set shift = shift + p_by;
$$;
comment on function tests.advance_clock(interval) is
  'Moves the clock forward, running or stopped.';

-- Acting: each function changes who runs the following statements, until the transaction ends. The
-- logins are members of one role each and cannot bypass row-level security.

create function tests.act_as(p_user_id uuid)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  perform tests.act_with_claims(
    jsonb_build_object('sub', p_user_id, 'role', 'authenticated')::text);
end;
$$;
comment on function tests.act_as(uuid) is 'Acts as a signed-in user.';

create function tests.act_with_claims(p_claims text)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  perform set_config('request.jwt.claims', p_claims, true);
  perform tests.act_by_login('test_authenticated', 'authenticated');
end;
$$;
comment on function tests.act_with_claims(text) is
  'Acts as authenticated with this text as claims, valid or not. Null means no claims.';

create function tests.act_as_anon()
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  perform set_config('request.jwt.claims', '{"role": "anon"}', true);
  perform tests.act_by_login('test_anon', 'anon');
end;
$$;
comment on function tests.act_as_anon() is 'Acts as anon: a browser without a user.';

create function tests.act_as_worker()
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  perform set_config('request.jwt.claims', '{"role": "service_role"}', true);
  perform tests.act_by_login('test_service_role', 'service_role');
end;
$$;
comment on function tests.act_as_worker() is 'Acts as the service, like workers and support.';

create function tests.act_as_job_worker()
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  perform set_config('request.jwt.claims', '', true);
  perform tests.act_by_login('index_jobs_worker', 'none');
end;
$$;
comment on function tests.act_as_job_worker() is 'Acts as the login of a worker.';

create function tests.act_as_http()
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  perform set_config('request.jwt.claims', '', true);
  perform tests.act_by_login('index_jobs_api', 'none');
end;
$$;
comment on function tests.act_as_http() is 'Acts as the login of the HTTP layer.';

create function tests.act_as_admin()
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  perform set_config('request.jwt.claims', '', true);
  set local role none;
  set local session authorization default;
end;
$$;
comment on function tests.act_as_admin() is
  'Returns to the superuser, to arrange and to read everything.';

create function tests.act_by_login(p_login text, p_role text)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  perform set_config('role', 'none', true);
  perform set_config('session_authorization', p_login, true);
  perform set_config('role', p_role, true);
end;
$$;
comment on function tests.act_by_login(text, text) is
  'Acts as this login with this role, or none for the login itself.';

-- The test users. Ids differ in their last digits: ...a1 is alice, ...01 her repository, and so on.

create function tests.arrange_cast()
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into auth.users (id, email) values
    ('00000000-0000-4000-8000-0000000000a1', 'alice@example.com'),
    ('00000000-0000-4000-8000-0000000000b0', 'bob@example.com'),
    ('00000000-0000-4000-8000-0000000000c0', 'carol@example.com'),
    ('00000000-0000-4000-8000-0000000000d0', 'dave@example.com');
  insert into public.organizations (id, slug, name) values
    ('00000000-0000-4000-8000-0000000000e0', 'acme', 'Acme');
  insert into public.organization_members (organization_id, user_id, role) values
    ('00000000-0000-4000-8000-0000000000e0', '00000000-0000-4000-8000-0000000000b0', 'owner'),
    ('00000000-0000-4000-8000-0000000000e0', '00000000-0000-4000-8000-0000000000c0', 'member'),
    ('00000000-0000-4000-8000-0000000000e0', '00000000-0000-4000-8000-0000000000d0', 'member');
  delete from public.organization_members
  where user_id = '00000000-0000-4000-8000-0000000000d0';
  insert into public.repositories (id, full_name, git_url, owner_user_id, organization_id) values
    ('00000000-0000-4000-8000-000000000001', 'alice/app', 'https://example.com/alice/app.git',
      '00000000-0000-4000-8000-0000000000a1', null),
    ('00000000-0000-4000-8000-000000000002', 'acme/shop', 'https://example.com/acme/shop.git',
      null, '00000000-0000-4000-8000-0000000000e0');
end;
$$;
comment on function tests.arrange_cast() is
  'alice (a1) owns alice/app (01). bob (b0) owns the organization acme (e0), carol (c0) is a '
  'member of it, dave (d0) was one; acme owns acme/shop (02).';

create function tests.alice() returns uuid language sql immutable
  set search_path = pg_catalog, pg_temp
  as $$ select '00000000-0000-4000-8000-0000000000a1'::uuid $$;
create function tests.bob() returns uuid language sql immutable
  set search_path = pg_catalog, pg_temp
  as $$ select '00000000-0000-4000-8000-0000000000b0'::uuid $$;
create function tests.carol() returns uuid language sql immutable
  set search_path = pg_catalog, pg_temp
  as $$ select '00000000-0000-4000-8000-0000000000c0'::uuid $$;
create function tests.dave() returns uuid language sql immutable
  set search_path = pg_catalog, pg_temp
  as $$ select '00000000-0000-4000-8000-0000000000d0'::uuid $$;
create function tests.acme() returns uuid language sql immutable
  set search_path = pg_catalog, pg_temp
  as $$ select '00000000-0000-4000-8000-0000000000e0'::uuid $$;
create function tests.alice_repository() returns uuid language sql immutable
  set search_path = pg_catalog, pg_temp
  as $$ select '00000000-0000-4000-8000-000000000001'::uuid $$;
create function tests.acme_repository() returns uuid language sql immutable
  set search_path = pg_catalog, pg_temp
  as $$ select '00000000-0000-4000-8000-000000000002'::uuid $$;

create function tests.indexed_by() returns uuid language sql immutable
  set search_path = pg_catalog, pg_temp
  as $$ select '00000000-0000-4000-8000-0000000000f0'::uuid $$;

create function tests.worker(p_number integer) returns text language sql immutable
  set search_path = pg_catalog, pg_temp
  as $$ select '00000000-0000-4000-8000-00000000f' || lpad(p_number::text, 3, '0') $$;

create function tests.job_for(p_repository_id uuid)
returns uuid
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
  select private.insert_index_job(p_repository_id, null, null, null, null);
$$;
comment on function tests.job_for(uuid) is 'Creates a pending job for the repository. Returns its id.';

-- Jobs have names in a test: created under a name, found by tests.id.

create function tests.arrange_job(
  p_name text,
  p_status text default 'pending',
  p_repository_id uuid default tests.alice_repository()
)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_job_id uuid := tests.job_for(p_repository_id);
begin
  perform tests.name_id(p_name, v_job_id);
  if p_status in ('processing', 'completed') then
    perform public.update_job_status(v_job_id, 'processing', p_worker_id => tests.worker(1));
  end if;
  if p_status not in ('pending', 'processing') then
    perform public.update_job_status(v_job_id, p_status, tests.metadata_for(p_status));
  end if;
end;
$$;
comment on function tests.arrange_job(text, text, uuid) is
  'Creates a job with this name and moves it to the status, as the first worker.';

create function tests.metadata_for(p_status text)
returns jsonb
language sql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select case p_status
    when 'completed' then '{"stats": {"files_indexed": 2, "symbols_extracted": 5}}'::jsonb
    when 'failed' then '{"error": "it broke"}'
    else '{}'
  end;
$$;
comment on function tests.metadata_for(text) is 'Returns the metadata that a worker sends with the status.';

create function tests.name_id(p_name text, p_id uuid)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  perform set_config('tests.id_of_' || p_name, p_id::text, true);
end;
$$;
comment on function tests.name_id(text, uuid) is
  'Names an id until the end of the transaction.';

create function tests.id(p_name text)
returns uuid
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select current_setting('tests.id_of_' || p_name)::uuid;
$$;
comment on function tests.id(text) is 'Returns the id with this name.';

-- No search_path is pinned: the statement runs under that of the session, as it would alone.
create function tests.refusal(p_statement text)
returns text
language plpgsql
volatile
security invoker
as $$
declare
  v_state text;
  v_detail text;
  v_column text;
  v_constraint text;
begin
  execute p_statement;
  return 'accepted';
exception when others then
  get stacked diagnostics
    v_state = returned_sqlstate,
    v_detail = pg_exception_detail,
    v_column = column_name,
    v_constraint = constraint_name;
  if v_state like 'PT%' then
    return concat_ws(' ', v_state, nullif(v_detail, ''), nullif(v_column, ''));
  end if;
  return concat_ws(' ', v_state, nullif(v_constraint, ''));
end;
$$;
comment on function tests.refusal(text) is
  'Returns accepted, or SQLSTATE with detail and column (own errors) or constraint (others).';

create function tests.send_file(p_file_no integer, p_path text, p_symbols integer default 1)
returns void
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
  insert into private.incoming_files (file_no, path, language, bytes, blob_sha, symbol_count)
  values (p_file_no, p_path, 'Python', 10, repeat('b', 40), p_symbols);
  insert into private.incoming_symbols (file_no, name, kind, start_line, end_line)
  select p_file_no, 'f' || n, 'function', n, n from generate_series(1, p_symbols) as n;
$$;
comment on function tests.send_file(integer, text, integer) is
  'Sends a Python file of 10 bytes and its symbols, as a worker does before complete_index.';

create function tests.job_row(p_name text)
returns public.index_jobs
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  select j.* from public.index_jobs as j where j.id = tests.id(p_name);
$$;
comment on function tests.job_row(text) is 'Returns the job with this name.';

create function tests.arrange_index(
  p_repository_id uuid default tests.alice_repository(), p_prefix text default 'src/'
)
returns void
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
  insert into public.indexed_commits (repository_id, job_id, commit_sha, extractor, stats)
  values (p_repository_id, tests.indexed_by(), repeat('c', 40), 'tests', '{}');
  insert into public.indexed_files
    (repository_id, job_id, path, language, bytes, blob_sha, symbol_count)
  select p_repository_id, tests.indexed_by(), p_prefix || f.path, f.language, 10, repeat('b', 40),
    f.symbols
  from (values ('c.txt', null, null), ('b.py', 'Python', 1), ('a.py', 'Python', 4))
    as f (path, language, symbols);
  insert into public.symbols (repository_id, file_id, name, kind, start_line, end_line, parent)
  select f.repository_id, f.id, s.name, s.kind, s.line, s.line + 1, s.parent
  from (values
    ('a.py', 'Shop', 'class', 1, null), ('a.py', 'sell', 'method', 2, 'Shop'),
    ('a.py', 'sell_all', 'function', 4, null), ('b.py', 'sell', 'function', 1, null),
    ('a.py', 's_ll', 'function', 8, null)) as s (path, name, kind, line, parent)
  join public.indexed_files as f
    on f.repository_id = p_repository_id and f.path = p_prefix || s.path
  order by s.path, s.line;
  insert into public.skipped_files (repository_id, job_id, path, reason)
  select p_repository_id, tests.indexed_by(), p_prefix || s.path, s.reason
  from (values ('z.bin', 'binary'), ('lib.js', 'vendored'), ('a.bin', 'binary'))
    as s (path, reason);
$$;
comment on function tests.arrange_index(uuid, text) is
  'Stores an index of the repository: three files, five symbols in two of them, three skipped.';

-- The queue: tenants by number, in the order in which claims serve them.

create function tests.arrange_line()
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  perform tests.set_clock('2030-01-01 12:00Z');
  perform tests.serve(20);
  perform setval('private.claim_lease_check', 0);
  perform set_config('session_replication_role', 'replica', true);
end;
$$;
comment on function tests.arrange_line() is
  'Stops the clock at noon of 2030-01-01. Tenant 20 was served last, leases were not checked, '
  'and jobs are plain rows without triggers and foreign keys.';

create function tests.tenant(p_no integer) returns uuid language sql immutable
  set search_path = pg_catalog, pg_temp
  as $$ select (lpad(p_no::text, 8, '0') || '-0000-4000-8000-000000000000')::uuid $$;

create function tests.serve(p_no integer)
returns void
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select setval('private.claim_cursor_high', ('x' || left(t.hex, 16))::bit(64)::bigint),
    setval('private.claim_cursor_low', ('x' || right(t.hex, 16))::bit(64)::bigint)
  from (select replace(tests.tenant(p_no)::text, '-', '')) as t (hex);
$$;
comment on function tests.serve(integer) is 'Marks this tenant as served last.';

create function tests.stand_in_line(
  p_no integer,
  p_attempt integer default 0,
  p_lease interval default null,
  p_retry interval default null,
  p_id uuid default gen_random_uuid(),
  p_is_linked boolean default false,
  p_is_cancelled boolean default false
)
returns void
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
  insert into public.index_jobs (id, repository_id, repository, owner_user_id, status, attempt,
    max_attempts, queue_job_id, created_at, started_at, lease_expires_at, retry_at,
    cancel_requested_at, updated_at)
  select p_id, gen_random_uuid(), 'x', tests.tenant(p_no),
    case when p_attempt = 0 then 'pending' else 'processing' end::public.job_status, p_attempt, 3,
    case when p_is_linked then gen_random_uuid() end, '2030-01-01Z',
    case when p_attempt > 0 then timestamptz '2030-01-01Z' end,
    private.clock() + p_lease, private.clock() + p_retry,
    case when p_is_cancelled then timestamptz '2030-01-01Z' end, '2030-01-01Z';
$$;
comment on function tests.stand_in_line(integer, integer, interval, interval, uuid, boolean, boolean)
  is 'Creates a job of the tenant: pending, or on this attempt of 3, with a lease or a retry.';

create function tests.arrange_realtime()
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  drop schema if exists realtime cascade;
  create schema realtime;
  grant usage on schema realtime to public;
  create table realtime.messages (
    topic text, extension text, payload jsonb, event text, private boolean);
  alter table realtime.messages enable row level security;
  grant select on table realtime.messages to public;
  create function realtime.topic() returns text language sql stable
    return current_setting('realtime.topic', true);
  create function realtime.send(payload jsonb, event text, topic text, private boolean default true)
    returns void language sql security definer
    begin atomic
      insert into realtime.messages (payload, event, topic, private, extension)
      values (payload, event, topic, private, 'broadcast');
    end;
end;
$$;
comment on function tests.arrange_realtime() is
  'Creates the part of Supabase Realtime that jobs use, see tests/supabase/database.sql.';
