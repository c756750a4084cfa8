-- functions_and_policies
-- depends: 20261124043323_add_queue_job_id_and_commit_sha

-- begin stamped part (python -m db.stamp again rewrites it)
grant job_writer, job_gateway to current_user;
grant create on schema public, private to job_writer, job_gateway;

-- stamp: db/functions/private/answer.sql
-- answer(p_caller, p_requests) -> api_answer
--
-- The start of every answer: the state of the caller's quota after p_requests, and the refusal that
-- follows from it, if any (PT401 unknown caller, PT429 nothing left).
--
-- Callers: the api_* functions, as job_gateway.

create or replace function private.answer(
  p_caller private.api_caller,
  p_requests integer
)
returns private.api_answer
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_answer private.api_answer;
begin
  if p_caller.user_id is null then
    v_answer.verdict := 'PT401';
    v_answer.code := 'AUTH_INVALID_KEY';
    v_answer.message := 'the key is not valid';
    v_answer.hint := 'Use a key that is neither revoked nor expired.';
    return v_answer;
  end if;
  v_answer.rate_limit := p_caller.rate_limit;
  v_answer.rate_remaining := greatest(p_caller.rate_limit - coalesce(p_requests, p_caller.rate_limit), 0);
  v_answer.rate_reset := extract(epoch from p_caller.window_start + interval '1 hour')::bigint;
  if p_requests is null then
    v_answer.verdict := 'PT429';
    v_answer.code := 'RATE_LIMITED';
    v_answer.message := 'the quota of ' || p_caller.rate_limit || ' requests an hour is used up';
    v_answer.hint := 'Wait until the hour is over, or use a higher tier.';
  else
    v_answer.verdict := 'ok';
  end if;
  return v_answer;
end;
$$;

comment on function private.answer(private.api_caller, integer) is
  'An answer with the quota filled in.';

revoke all on function private.answer(private.api_caller, integer)
  from public, anon, authenticated, service_role;
grant execute on function private.answer(private.api_caller, integer) to job_gateway;
-- end stamp

-- stamp: db/functions/private/check_attempt.sql
-- check_attempt(p_job, p_attempt) -> void
--
-- The fence: a worker that lost its job to another one names an old attempt and is refused, whatever
-- it wants. From the second attempt on every worker must name its own.
--
-- Raises:  PT409 stale_attempt, attempt_required.
-- Callers: the definers owned by job_writer, with the row locked.

create or replace function private.check_attempt(
  p_job public.index_jobs,
  p_attempt integer
)
returns void
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_attempt is not null and p_attempt <> p_job.attempt then
    raise exception 'attempt % is not the current one', p_attempt
      using errcode = 'PT409', detail = 'stale_attempt', column = 'attempt',
        hint = 'Another worker has the job now: drop the work.';
  end if;
  if p_attempt is null and p_job.attempt > 1 then
    raise exception 'the job was begun more than once, so the attempt must be named'
      using errcode = 'PT409', detail = 'attempt_required', column = 'attempt',
        hint = 'Pass p_attempt as it was when the job was claimed.';
  end if;
end;
$$;

comment on function private.check_attempt(public.index_jobs, integer) is
  'Refuses a worker that does not hold the current attempt.';

revoke all on function private.check_attempt(public.index_jobs, integer)
  from public, anon, authenticated, service_role;
grant execute on function private.check_attempt(public.index_jobs, integer) to job_writer;
-- end stamp

-- stamp: db/functions/private/check_job_metadata.sql
-- check_job_metadata(p_status, p_metadata) -> void
--
-- What may come with a move: error (text, with failed and only there), stats (an object of at most
-- 16 kB, with a final status), commit_sha (a full commit id).
--
-- Raises:  PT422 invalid_metadata, unknown_metadata, error_required, error_not_allowed,
--          stats_not_allowed, invalid_stats, stats_too_large, invalid_commit_sha.
-- Callers: update_job_status.

create or replace function private.check_job_metadata(
  p_status public.job_status,
  p_metadata jsonb
)
returns void
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_code text;
  v_message text;
  v_hint text;
  v_error jsonb := p_metadata -> 'error';
  v_stats jsonb := p_metadata -> 'stats';
  v_commit_sha jsonb := p_metadata -> 'commit_sha';
begin
  if jsonb_typeof(p_metadata) <> 'object' then
    v_code := 'invalid_metadata';
    v_message := 'metadata is not an object';
    v_hint := 'Pass {"error": …}, {"stats": …} or {}.';
  elsif p_metadata - array['error', 'stats', 'commit_sha'] <> '{}' then
    v_code := 'unknown_metadata';
    v_message := 'metadata has a member other than error, stats and commit_sha';
    v_hint := 'Put figures into stats.';
  elsif p_status = 'failed' and (jsonb_typeof(v_error) is distinct from 'string'
      or btrim(p_metadata ->> 'error', E' \t\r\n') = '') then
    v_code := 'error_required';
    v_message := 'failed without an error';
    v_hint := 'Pass {"error": "a sentence for the user"}.';
  elsif p_status <> 'failed' and v_error is not null then
    v_code := 'error_not_allowed';
    v_message := 'an error goes with failed only';
    v_hint := 'Leave error out, or pass the status failed.';
  elsif v_stats is not null and not private.is_final(p_status) then
    v_code := 'stats_not_allowed';
    v_message := 'stats go with a final status only';
    v_hint := 'Report progress by report_job_progress.';
  elsif jsonb_typeof(v_stats) <> 'object' then
    v_code := 'invalid_stats';
    v_message := 'stats is not an object';
    v_hint := 'Pass {"stats": {"files_indexed": 1, "symbols_extracted": 2}}.';
  elsif octet_length(v_stats::text) > 16384 then
    v_code := 'stats_too_large';
    v_message := 'stats is larger than 16384 bytes';
    v_hint := 'Keep figures in stats and rows in tables.';
  elsif v_commit_sha is not null and (jsonb_typeof(v_commit_sha) <> 'string'
      or lower(p_metadata ->> 'commit_sha') !~ '^[0-9a-f]{40}([0-9a-f]{24})?$') then
    v_code := 'invalid_commit_sha';
    v_message := 'commit_sha is not a full commit id';
    v_hint := 'Pass all 40 hexadecimal digits.';
  else
    return;
  end if;
  raise exception '%', v_message
    using errcode = 'PT422', detail = v_code, hint = v_hint, column = 'metadata';
end;
$$;

comment on function private.check_job_metadata(public.job_status, jsonb) is
  'Refuses metadata that does not fit the status.';

revoke all on function private.check_job_metadata(public.job_status, jsonb)
  from public, anon, authenticated, service_role;
grant execute on function private.check_job_metadata(public.job_status, jsonb) to job_writer;
-- end stamp

-- stamp: db/functions/private/check_lease.sql
-- check_lease(p_lease) -> void
--
-- Raises:  PT422 invalid_lease when the lease is negative or longer than a day.
-- Callers: the definers owned by job_writer.

create or replace function private.check_lease(p_lease interval)
returns void
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_lease < interval '0' or p_lease > interval '1 day' then
    raise exception 'lease is not between 0 and one day'
      using errcode = 'PT422', detail = 'invalid_lease', column = 'lease',
        hint = 'Pass an interval such as 30 seconds.';
  end if;
end;
$$;

comment on function private.check_lease(interval) is
  'Refuses a lease that no worker can mean.';

revoke all on function private.check_lease(interval)
  from public, anon, authenticated, service_role;
grant execute on function private.check_lease(interval) to job_writer;
-- end stamp

-- stamp: db/functions/private/clean_error.sql
-- clean_error(p_error) -> text
--
-- The error as it may be shown: user and password in URLs replaced by ***, cut at 2,000 characters
-- (and saying so).

create or replace function private.clean_error(p_error text)
returns text
language sql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select case
    when length(e.text) > 2000 then left(e.text, 1980) || ' … (cut, ' || length(e.text) || ')'
    else e.text
  end
  from (
    select regexp_replace(btrim(p_error), '([A-Za-z][A-Za-z0-9+.-]*://)[^/[:space:]]*@', '\1***@', 'g')
  ) as e (text);
$$;

comment on function private.clean_error(text) is
  'The error text with credentials redacted, cut at 2,000 characters.';

revoke all on function private.clean_error(text)
  from public, anon, authenticated, service_role;
grant execute on function private.clean_error(text) to job_writer;
-- end stamp

-- stamp: db/functions/private/clock.sql
-- clock() -> timestamptz
--
-- The time that every rule about time reads, always after the row lock. It is the wall clock and
-- heeds no setting, so that nobody can shift it.

create or replace function private.clock()
returns timestamptz
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select clock_timestamp();
$$;

comment on function private.clock() is
  'The current time; tests replace it by a clock of their own.';

revoke all on function private.clock() from public, anon, authenticated, service_role;
grant execute on function private.clock()
  to authenticated, service_role, job_writer, job_gateway;
-- end stamp

-- stamp: db/functions/private/count_request.sql
-- count_request(p_caller) -> integer
--
-- Counts one request of the caller and returns how many this hour has seen, or null when none was
-- left: then nothing is written. One row for each user, reset in place.
--
-- Locks:   the caller's row of rate_limit_counters, until the end of the transaction.
-- Callers: the api_* functions, as job_gateway.

create or replace function private.count_request(p_caller private.api_caller)
returns integer
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_requests integer;
begin
  insert into private.rate_limit_counters as c (user_id, window_start, requests)
  values (p_caller.user_id, p_caller.window_start, 1)
  on conflict (user_id) do update
  set requests = case when c.window_start < excluded.window_start then 1 else c.requests + 1 end,
    window_start = greatest(c.window_start, excluded.window_start)
  where c.window_start < excluded.window_start or c.requests < p_caller.rate_limit
  returning c.requests into v_requests;
  return v_requests;
end;
$$;

comment on function private.count_request(private.api_caller) is
  'Counts one request against the quota; null when it is used up.';

revoke all on function private.count_request(private.api_caller)
  from public, anon, authenticated, service_role;
grant execute on function private.count_request(private.api_caller) to job_gateway;
-- end stamp

-- stamp: db/functions/private/current_user_id.sql
-- current_user_id() -> uuid
--
-- The signed-in user: the sub claim of request.jwt.claims, or null when the claims are absent, not
-- JSON, or have no UUID there. Never an error: bad claims see nothing instead of a failure. STABLE,
-- not immutable: a cached plan would answer with the last user.

create or replace function private.current_user_id()
returns uuid
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_claims text := nullif(current_setting('request.jwt.claims', true), '');
begin
  if v_claims is null then
    return null;
  end if;
  return (v_claims::jsonb ->> 'sub')::uuid;
exception
  when data_exception or program_limit_exceeded then
    return null;
end;
$$;

comment on function private.current_user_id() is
  'The user named by the verified claims, or null.';

revoke all on function private.current_user_id()
  from public, anon, authenticated, service_role;
grant execute on function private.current_user_id()
  to anon, authenticated, service_role, job_writer, job_gateway;
-- end stamp

-- stamp: db/functions/private/disable_api_key.sql
-- disable_api_key(p_key_id) -> table (key_id, name, enabled, created_at, expires_at, last_used_at)
--
-- Disables one key of the signed-in user for good; again is no error.
--
-- Why definer: the table of keys is closed to users. Identity comes from the claims only.
-- Raises:  PT404 when the user has no such key.
-- Callers: revoke_api_key.

create or replace function private.disable_api_key(p_key_id text)
returns table (
  key_id text, name text, enabled boolean, created_at timestamptz, expires_at timestamptz,
  last_used_at timestamptz
)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  update private.api_keys as k
  set enabled = false
  where k.id = p_key_id and k.user_id = private.current_user_id()
  returning k.id, k.name, k.enabled, k.created_at, k.expires_at, k.last_used_at;
  if not found then
    raise exception 'API key not found' using errcode = 'PT404';
  end if;
end;
$$;

comment on function private.disable_api_key(text) is
  'Disables an API key of the signed-in user.';

alter function private.disable_api_key(text) owner to job_gateway;
revoke all on function private.disable_api_key(text)
  from public, anon, authenticated, service_role;
grant execute on function private.disable_api_key(text) to authenticated;
-- end stamp

-- stamp: db/functions/private/identify_caller.sql
-- identify_caller(p_api_key, p_claims) -> api_caller
--
-- Who calls, by an API key or by claims that the HTTP layer has verified, and what is left of the
-- quota; user_id is null when the key is unknown, wrong, revoked or expired. Notes once an hour that
-- a key is in use. From here on the transaction runs under the caller's claims.
--
-- Callers: the api_* functions, as job_gateway.

create or replace function private.identify_caller(
  p_api_key text,
  p_claims jsonb
)
returns private.api_caller
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := private.clock();
  v_secret_hash bytea := sha256(convert_to(split_part(coalesce(p_api_key, ''), '_', 3), 'UTF8'));
  v_key private.api_keys;
  v_caller private.api_caller;
begin
  v_caller.window_start := date_trunc('hour', v_now, 'UTC');
  if p_api_key is not null then
    select k.* into v_key
    from private.api_keys as k
    where k.id = split_part(p_api_key, '_', 2)
      and k.secret_hash = v_secret_hash
      and split_part(p_api_key, '_', 1) = 'ij'
      and k.enabled
      and (k.expires_at is null or k.expires_at > v_now);
    v_caller.user_id := v_key.user_id;
  elsif p_claims ->> 'role' = 'authenticated' then
    v_caller.user_id := private.parse_uuid(p_claims ->> 'sub');
  end if;
  if v_caller.user_id is null then
    return v_caller;
  end if;

  perform set_config('request.jwt.claims', coalesce(
    p_claims, jsonb_build_object('sub', v_caller.user_id, 'role', 'authenticated'))::text, true);
  if v_key.id is not null and v_key.last_used_at is null
    or v_key.last_used_at < v_now - interval '1 hour'
  then
    update private.api_keys as k set last_used_at = v_now where k.id = v_key.id;
  end if;

  select
    t.requests_per_hour,
    coalesce((
      select c.requests
      from private.rate_limit_counters as c
      where c.user_id = v_caller.user_id and c.window_start >= v_caller.window_start), 0)
  into v_caller.rate_limit, v_caller.requests
  from private.tiers as t
  where t.name = coalesce(
    (select a.tier from private.accounts as a where a.user_id = v_caller.user_id), 'free');
  return v_caller;
end;
$$;

comment on function private.identify_caller(text, jsonb) is
  'Identifies the caller of an api_ function and takes on the claims.';

revoke all on function private.identify_caller(text, jsonb)
  from public, anon, authenticated, service_role;
grant execute on function private.identify_caller(text, jsonb) to job_gateway;
-- end stamp

-- stamp: db/functions/private/insert_index_job.sql
-- insert_index_job(p_repository_id, p_ref, p_commit_sha, p_idempotency_key, p_created_by)
--   -> setof index_jobs
--
-- Makes a pending job for the repository, or returns the one that the same caller made before with
-- the same idempotency key and the same request.
--
-- Why definer: nobody but job_writer may insert a job.
-- Raises:  PT404 when there is no such repository; PT422 invalid_ref, invalid_commit_sha,
--          invalid_idempotency_key, idempotency_key_reused.
-- Callers: create_index_job for the service, private.request_index_job for users.

create or replace function private.insert_index_job(
  p_repository_id uuid,
  p_ref text,
  p_commit_sha text,
  p_idempotency_key text,
  p_created_by uuid
)
returns setof public.index_jobs
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_ref text := coalesce(p_ref, 'HEAD');
  v_commit_sha text := lower(p_commit_sha);
  v_request_hash text;
  v_now timestamptz;
  v_job public.index_jobs;
begin
  if not private.is_git_ref(v_ref) then
    raise exception 'ref is not the name of a branch, a tag or a commit'
      using errcode = 'PT422', detail = 'invalid_ref', column = 'ref',
        hint = 'Pass a name that git check-ref-format accepts, or nothing for the default branch.';
  end if;
  if v_commit_sha !~ '^[0-9a-f]{40}([0-9a-f]{24})?$' then
    raise exception 'commit_sha is not a full commit id'
      using errcode = 'PT422', detail = 'invalid_commit_sha', column = 'commit_sha',
        hint = 'Pass all 40 hexadecimal digits, or nothing for the newest commit of the ref.';
  end if;
  if p_idempotency_key is not null then
    if p_idempotency_key !~ '^[\x21-\x7e]{1,255}$' then
      raise exception 'idempotency_key is not 1 to 255 visible ASCII characters'
        using errcode = 'PT422', detail = 'invalid_idempotency_key', column = 'idempotency_key',
          hint = 'Pass a UUID, for example.';
    end if;
    v_request_hash := encode(sha256(convert_to(
      jsonb_build_array(p_repository_id, v_ref, v_commit_sha)::text, 'UTF8')), 'hex');
  end if;

  loop
    v_now := private.clock();
    insert into public.index_jobs (
      id, repository_id, owner_user_id, organization_id, created_by, ref, commit_sha,
      created_at, updated_at, idempotency_key, request_hash)
    select
      private.uuid_v7(), r.id, r.owner_user_id, r.organization_id, p_created_by, v_ref,
      v_commit_sha, v_now, v_now, p_idempotency_key, v_request_hash
    from public.repositories as r
    where r.id = p_repository_id
    on conflict (idempotency_key, created_by) where idempotency_key is not null do nothing
    returning * into v_job;
    exit when found;

    if p_idempotency_key is not null then
      select j.* into v_job
      from public.index_jobs as j
      where j.idempotency_key = p_idempotency_key
        and j.created_by is not distinct from p_created_by;
      if found and v_job.request_hash is distinct from v_request_hash then
        raise exception 'idempotency_key was used for another request'
          using errcode = 'PT422', detail = 'idempotency_key_reused', column = 'idempotency_key',
            hint = 'Use a new key for a new request.';
      end if;
      exit when found;
    end if;

    perform from public.repositories as r where r.id = p_repository_id;
    if not found then
      raise exception 'repository not found' using errcode = 'PT404';
    end if;
  end loop;
  return next v_job;
end;
$$;

comment on function private.insert_index_job(uuid, text, text, text, uuid) is
  'Makes a pending index job, once for each idempotency key.';

alter function private.insert_index_job(uuid, text, text, text, uuid) owner to job_writer;
revoke all on function private.insert_index_job(uuid, text, text, text, uuid)
  from public, anon, authenticated, service_role;
grant execute on function private.insert_index_job(uuid, text, text, text, uuid)
  to service_role, job_writer;
-- end stamp

-- stamp: db/functions/private/is_final.sql
-- is_final(p_status) -> boolean
--
-- Whether no move leads out of the status.

create or replace function private.is_final(p_status public.job_status)
returns boolean
language sql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select p_status in ('completed', 'failed', 'cancelled');
$$;

comment on function private.is_final(public.job_status) is
  'Whether the status is final.';

revoke all on function private.is_final(public.job_status)
  from public, anon, authenticated, service_role;
grant execute on function private.is_final(public.job_status)
  to authenticated, service_role, job_writer, job_gateway;
-- end stamp

-- stamp: db/functions/private/is_git_ref.sql
-- is_git_ref(p_ref) -> boolean
--
-- Whether git would take the text as the name of a branch, a tag or a commit. Follows the rules of
-- git check-ref-format(1), plus: no leading dash, at most 255 characters.

create or replace function private.is_git_ref(p_ref text)
returns boolean
language sql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select length(p_ref) between 1 and 255
    and p_ref !~ '[[:cntrl:][:space:]~^:?*\[\\]'
    and p_ref !~ '(\.\.|@\{|//)'
    and p_ref !~ '(^|/)[.]'
    and p_ref !~ '[.]lock(/|$)'
    and p_ref !~ '^[-/]'
    and p_ref !~ '[/.]$'
    and p_ref <> '@';
$$;

comment on function private.is_git_ref(text) is
  'Whether the text can name a git branch, tag or commit.';

revoke all on function private.is_git_ref(text)
  from public, anon, authenticated, service_role;
grant execute on function private.is_git_ref(text) to job_writer;
-- end stamp

-- stamp: db/functions/private/issue_api_key.sql
-- issue_api_key(p_name, p_expires_at) -> table (key_id, api_key, name, expires_at, created_at)
--
-- Makes a key for the signed-in user: 244 random bits, of which only the SHA-256 is kept.
--
-- Why definer: the table of keys is closed to users. Identity comes from the claims only.
-- Raises:  42501 without a signed-in user; PT422 invalid_name, invalid_expires_at.
-- Callers: create_api_key.

create or replace function private.issue_api_key(
  p_name text,
  p_expires_at timestamptz
)
returns table (
  key_id text, api_key text, name text, expires_at timestamptz, created_at timestamptz
)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id uuid := private.current_user_id();
  v_now timestamptz := private.clock();
  v_key_id text := left(replace(gen_random_uuid()::text, '-', ''), 12)
    || right(gen_random_uuid()::text, 4);
  v_secret text := replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '');
begin
  if v_user_id is null then
    raise exception 'not signed in'
      using errcode = '42501', hint = 'Call with the token of a user.';
  end if;
  if coalesce(btrim(p_name), '') = '' or length(p_name) > 100 then
    raise exception 'name is empty or longer than 100 characters'
      using errcode = 'PT422', detail = 'invalid_name', column = 'name',
        hint = 'Say what the key is for.';
  end if;
  if p_expires_at <= v_now then
    raise exception 'expires_at is not in the future'
      using errcode = 'PT422', detail = 'invalid_expires_at', column = 'expires_at',
        hint = 'Pass a later time, or nothing for a key that stays.';
  end if;
  insert into private.api_keys (id, user_id, name, secret_hash, created_at, expires_at)
  values (
    v_key_id, v_user_id, btrim(p_name), sha256(convert_to(v_secret, 'UTF8')), v_now, p_expires_at);
  return query
  select v_key_id, 'ij_' || v_key_id || '_' || v_secret, btrim(p_name), p_expires_at, v_now;
end;
$$;

comment on function private.issue_api_key(text, timestamptz) is
  'Makes an API key for the signed-in user.';

alter function private.issue_api_key(text, timestamptz) owner to job_gateway;
revoke all on function private.issue_api_key(text, timestamptz)
  from public, anon, authenticated, service_role;
grant execute on function private.issue_api_key(text, timestamptz) to authenticated;
-- end stamp

-- stamp: db/functions/private/job_transitions.sql
-- job_transitions() -> table (from_status, to_status)
--
-- The transition rule, in this one place: every move that a job may make. Whatever is not listed is
-- refused; no move leads backward, and nothing leaves a final status.

create or replace function private.job_transitions()
returns table (from_status public.job_status, to_status public.job_status)
language sql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  values
    ('pending'::public.job_status, 'processing'::public.job_status),
    ('pending', 'failed'),
    ('pending', 'cancelled'),
    ('processing', 'completed'),
    ('processing', 'failed'),
    ('processing', 'cancelled');
$$;

comment on function private.job_transitions() is
  'Every move from one status to another that a job may make.';

revoke all on function private.job_transitions()
  from public, anon, authenticated, service_role;
grant execute on function private.job_transitions() to job_writer;
-- end stamp

-- stamp: db/functions/private/lock_index_job.sql
-- lock_index_job(p_job_id) -> index_jobs
--
-- Locks one job until the end of the transaction and returns it as it is then. Callers read the
-- clock only after it, so that no time is older than the row it goes into.
--
-- Locks:   the index_jobs row, for no key update.
-- Raises:  PT404 when there is no such job.
-- Callers: the definers owned by job_writer.

create or replace function private.lock_index_job(p_job_id uuid)
returns public.index_jobs
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_job public.index_jobs;
begin
  select j.* into v_job from public.index_jobs as j where j.id = p_job_id for no key update;
  if not found then
    raise exception 'index job not found' using errcode = 'PT404';
  end if;
  return v_job;
end;
$$;

comment on function private.lock_index_job(uuid) is
  'Locks and returns one index job.';

revoke all on function private.lock_index_job(uuid)
  from public, anon, authenticated, service_role;
grant execute on function private.lock_index_job(uuid) to job_writer;
-- end stamp

-- stamp: db/functions/private/parse_uuid.sql
-- parse_uuid(p_text) -> uuid
--
-- The UUID that p_text spells, or null, so that a malformed id and an unknown one are one case.

create or replace function private.parse_uuid(p_text text)
returns uuid
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_text ~ '^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$' then
    return p_text::uuid;
  end if;
  return null;
end;
$$;

comment on function private.parse_uuid(text) is
  'The UUID spelled by the text, or null.';

revoke all on function private.parse_uuid(text)
  from public, anon, authenticated, service_role;
grant execute on function private.parse_uuid(text) to job_gateway;
-- end stamp

-- stamp: db/functions/private/read_api_keys.sql
-- read_api_keys() -> table (key_id, name, enabled, created_at, expires_at, last_used_at)
--
-- The signed-in user's keys, newest first, without secrets.
--
-- Why definer: the table of keys is closed to users. Identity comes from the claims only.
-- Callers: list_api_keys.

create or replace function private.read_api_keys()
returns table (
  key_id text, name text, enabled boolean, created_at timestamptz, expires_at timestamptz,
  last_used_at timestamptz
)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  select k.id, k.name, k.enabled, k.created_at, k.expires_at, k.last_used_at
  from private.api_keys as k
  where k.user_id = private.current_user_id()
  order by k.created_at desc, k.id;
end;
$$;

comment on function private.read_api_keys() is
  'Lists the API keys of the signed-in user.';

alter function private.read_api_keys() owner to job_gateway;
revoke all on function private.read_api_keys()
  from public, anon, authenticated, service_role;
grant execute on function private.read_api_keys() to authenticated;
-- end stamp

-- stamp: db/functions/private/read_job_for_admin.sql
-- read_job_for_admin(p_job_id, p_actor, p_reason) -> setof index_jobs
--
-- Any tenant's job, for support, or no row; the look is written to the audit either way.
--
-- Why definer: it sees past RLS, and nobody else may write the audit.
-- Callers: api_admin_get_job_status, as job_gateway.

create or replace function private.read_job_for_admin(
  p_job_id uuid,
  p_actor text,
  p_reason text
)
returns setof public.index_jobs
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into private.admin_audit (at, actor, action, job_id, reason)
  values (private.clock(), p_actor, 'get_job_status', p_job_id, p_reason);
  return query select j.* from public.index_jobs as j where j.id = p_job_id;
end;
$$;

comment on function private.read_job_for_admin(uuid, text, text) is
  'Reads any job for support, and writes the audit.';

alter function private.read_job_for_admin(uuid, text, text) owner to job_writer;
revoke all on function private.read_job_for_admin(uuid, text, text)
  from public, anon, authenticated, service_role;
grant execute on function private.read_job_for_admin(uuid, text, text) to job_gateway;
-- end stamp

-- stamp: db/functions/private/record_job_event.sql
-- record_job_event() -> trigger
--
-- Appends to index_job_events what happened to the job: made, moved, begun again, asked to cancel.
-- The numbers have no gap, because the job's row is locked while they are given out.
--
-- Why definer: nobody but job_writer may insert an event.
-- Callers: the trigger on index_jobs.

create or replace function private.record_job_event()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into public.index_job_events
    (job_id, event_no, from_status, to_status, attempt, at, worker_id, detail)
  select
    new.id,
    coalesce(max(e.event_no), 0) + 1,
    case when tg_op = 'UPDATE' then old.status end,
    new.status,
    new.attempt,
    new.updated_at,
    new.worker_id,
    jsonb_strip_nulls(jsonb_build_object(
      'error', new.error_message,
      'cancel_requested', case
        when tg_op = 'UPDATE' and old.cancel_requested_at is null
          and new.cancel_requested_at is not null then true
      end))
  from public.index_job_events as e
  where e.job_id = new.id;
  return null;
end;
$$;

comment on function private.record_job_event() is
  'Writes the event of a change to an index job.';

alter function private.record_job_event() owner to job_writer;
revoke all on function private.record_job_event()
  from public, anon, authenticated, service_role;

create or replace trigger index_jobs_record_creation
  after insert on public.index_jobs
  for each row execute function private.record_job_event();
create or replace trigger index_jobs_record_change
  after update on public.index_jobs
  for each row
  when (old.status <> new.status
    or old.attempt <> new.attempt
    or old.cancel_requested_at is distinct from new.cancel_requested_at)
  execute function private.record_job_event();
-- end stamp

-- stamp: db/functions/private/request_index_job.sql
-- request_index_job(p_repository_id, p_ref, p_commit_sha, p_idempotency_key) -> setof index_jobs
--
-- Makes a job in the name of the signed-in user, for a repository that is the user's own or an
-- organization's of the user.
--
-- Why definer: nobody but job_writer may insert a job. Identity comes from the claims only.
-- Raises:  PT404 when the repository is missing or not the caller's; else as insert_index_job.
-- Callers: create_index_job for users.

create or replace function private.request_index_job(
  p_repository_id uuid,
  p_ref text,
  p_commit_sha text,
  p_idempotency_key text
)
returns setof public.index_jobs
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id uuid := private.current_user_id();
begin
  perform
  from public.repositories as r
  where r.id = p_repository_id
    and (r.owner_user_id = v_user_id
      or exists (
        select from public.organization_members as m
        where m.organization_id = r.organization_id and m.user_id = v_user_id));
  if not found then
    raise exception 'repository not found' using errcode = 'PT404';
  end if;
  return query
  select j.*
  from private.insert_index_job(
    p_repository_id => p_repository_id,
    p_ref => p_ref,
    p_commit_sha => p_commit_sha,
    p_idempotency_key => p_idempotency_key,
    p_created_by => v_user_id) as j;
end;
$$;

comment on function private.request_index_job(uuid, text, text, text) is
  'Makes an index job for the signed-in user.';

alter function private.request_index_job(uuid, text, text, text) owner to job_writer;
revoke all on function private.request_index_job(uuid, text, text, text)
  from public, anon, authenticated, service_role;
grant execute on function private.request_index_job(uuid, text, text, text) to authenticated;
-- end stamp

-- stamp: db/functions/private/uuid_v7.sql
-- uuid_v7() -> uuid
--
-- A version 7 UUID (RFC 9562): 48 bits of Unix milliseconds, then random bits, so that new ids sort
-- by age. Core has uuidv7() only from Postgres 18 on.
--
-- Callers: job_writer.

create or replace function private.uuid_v7()
returns uuid
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select (
    lpad(to_hex((extract(epoch from private.clock()) * 1000)::bigint), 12, '0')
    || '7' || substr(replace(gen_random_uuid()::text, '-', ''), 14)
  )::uuid;
$$;

comment on function private.uuid_v7() is
  'A version 7 UUID, ordered by time.';

revoke all on function private.uuid_v7() from public, anon, authenticated, service_role;
grant execute on function private.uuid_v7() to job_writer;
-- end stamp

-- stamp: db/policies/accounts.sql
-- private.accounts: the gateway reads; the service manages.

revoke all on table private.accounts from public, anon, authenticated, service_role;
grant select on table private.accounts to job_gateway;
grant select, insert, update, delete on table private.accounts to service_role;
-- end stamp

-- stamp: db/policies/admin_audit.sql
-- private.admin_audit: job_writer appends; the service reads.

revoke all on table private.admin_audit from public, anon, authenticated, service_role;
revoke all on sequence private.admin_audit_id_seq from public, anon, authenticated, service_role;
grant insert on table private.admin_audit to job_writer;
grant select on table private.admin_audit to service_role;
-- end stamp

-- stamp: db/policies/api_keys.sql
-- private.api_keys: only the functions of job_gateway touch it.

revoke all on table private.api_keys from public, anon, authenticated, service_role;
grant select, insert, update on table private.api_keys to job_gateway;
-- end stamp

-- stamp: db/policies/index_job_events.sql
-- public.index_job_events: who sees the job sees its story; only job_writer appends to it.

alter table public.index_job_events enable row level security;
alter table public.index_job_events force row level security;

drop policy if exists index_job_events_select_authenticated on public.index_job_events;
create policy index_job_events_select_authenticated on public.index_job_events
  for select to authenticated
  using (exists (select from public.index_jobs as j where j.id = index_job_events.job_id));
comment on policy index_job_events_select_authenticated on public.index_job_events is
  'A user sees the events of the jobs that the user sees.';

drop policy if exists index_job_events_select_service_role on public.index_job_events;
create policy index_job_events_select_service_role on public.index_job_events
  for select to service_role
  using (true);
comment on policy index_job_events_select_service_role on public.index_job_events is
  'The service reads every row.';

drop policy if exists index_job_events_select_job_writer on public.index_job_events;
create policy index_job_events_select_job_writer on public.index_job_events
  for select to job_writer
  using (true);
comment on policy index_job_events_select_job_writer on public.index_job_events is
  'The trigger counts the events of a job.';

drop policy if exists index_job_events_insert_job_writer on public.index_job_events;
create policy index_job_events_insert_job_writer on public.index_job_events
  for insert to job_writer
  with check (true);
comment on policy index_job_events_insert_job_writer on public.index_job_events is
  'The trigger appends events.';

revoke all on table public.index_job_events from public, anon, authenticated, service_role;
grant select on table public.index_job_events to authenticated, service_role;
grant select, insert on table public.index_job_events to job_writer;
-- end stamp

-- stamp: db/policies/index_jobs.sql
-- public.index_jobs: owners and members read; only the functions of job_writer write.

alter table public.index_jobs enable row level security;
alter table public.index_jobs force row level security;

drop policy if exists index_jobs_select_authenticated on public.index_jobs;
create policy index_jobs_select_authenticated on public.index_jobs
  for select to authenticated
  using (owner_user_id = (select private.current_user_id())
    or exists (
      select from public.organization_members as m
      where m.organization_id = index_jobs.organization_id
        and m.user_id = (select private.current_user_id())));
comment on policy index_jobs_select_authenticated on public.index_jobs is
  'A user sees own jobs and those of the user''s organizations.';

drop policy if exists index_jobs_select_service_role on public.index_jobs;
create policy index_jobs_select_service_role on public.index_jobs
  for select to service_role
  using (true);
comment on policy index_jobs_select_service_role on public.index_jobs is
  'The service reads every row.';

drop policy if exists index_jobs_all_job_writer on public.index_jobs;
create policy index_jobs_all_job_writer on public.index_jobs
  for all to job_writer
  using (true)
  with check (true);
comment on policy index_jobs_all_job_writer on public.index_jobs is
  'The functions that move jobs see and change every row.';

revoke all on table public.index_jobs from public, anon, authenticated, service_role;
grant select on table public.index_jobs to authenticated, service_role;
grant select, insert, update on table public.index_jobs to job_writer;
-- end stamp

-- stamp: db/policies/indexed_files.sql
-- public.indexed_files: who sees the repository sees its files; the service replaces them.

alter table public.indexed_files enable row level security;
alter table public.indexed_files force row level security;

drop policy if exists indexed_files_select_authenticated on public.indexed_files;
create policy indexed_files_select_authenticated on public.indexed_files
  for select to authenticated
  using (exists (select from public.repositories as r where r.id = indexed_files.repository_id));
comment on policy indexed_files_select_authenticated on public.indexed_files is
  'A user sees the files of the repositories that the user sees.';

drop policy if exists indexed_files_all_service_role on public.indexed_files;
create policy indexed_files_all_service_role on public.indexed_files
  for all to service_role
  using (true)
  with check (true);
comment on policy indexed_files_all_service_role on public.indexed_files is
  'The service manages every row.';

revoke all on table public.indexed_files from public, anon, authenticated, service_role;
revoke all on sequence public.indexed_files_id_seq from public, anon, authenticated, service_role;
grant select on table public.indexed_files to authenticated;
grant select, insert, delete on table public.indexed_files to service_role;
-- end stamp

-- stamp: db/policies/organization_members.sql
-- public.organization_members: users see their own rows, so that no policy needs to read this table twice.

alter table public.organization_members enable row level security;
alter table public.organization_members force row level security;

drop policy if exists organization_members_select_authenticated on public.organization_members;
create policy organization_members_select_authenticated on public.organization_members
  for select to authenticated
  using (user_id = (select private.current_user_id()));
comment on policy organization_members_select_authenticated on public.organization_members is
  'A user sees the user''s own memberships.';

drop policy if exists organization_members_all_service_role on public.organization_members;
create policy organization_members_all_service_role on public.organization_members
  for all to service_role
  using (true)
  with check (true);
comment on policy organization_members_all_service_role on public.organization_members is
  'The service manages every row.';

drop policy if exists organization_members_select_job_writer on public.organization_members;
create policy organization_members_select_job_writer on public.organization_members
  for select to job_writer
  using (true);
comment on policy organization_members_select_job_writer on public.organization_members is
  'The functions that write jobs look here.';

revoke all on table public.organization_members from public, anon, authenticated, service_role;
grant select on table public.organization_members to authenticated, job_writer;
grant select, insert, update, delete on table public.organization_members to service_role;
-- end stamp

-- stamp: db/policies/organizations.sql
-- public.organizations: members see theirs; the service manages them.

alter table public.organizations enable row level security;
alter table public.organizations force row level security;

drop policy if exists organizations_select_authenticated on public.organizations;
create policy organizations_select_authenticated on public.organizations
  for select to authenticated
  using (exists (
      select from public.organization_members as m
      where m.organization_id = organizations.id
        and m.user_id = (select private.current_user_id())));
comment on policy organizations_select_authenticated on public.organizations is
  'A user sees the organizations that the user is a member of.';

drop policy if exists organizations_all_service_role on public.organizations;
create policy organizations_all_service_role on public.organizations
  for all to service_role
  using (true)
  with check (true);
comment on policy organizations_all_service_role on public.organizations is
  'The service manages every row.';

revoke all on table public.organizations from public, anon, authenticated, service_role;
grant select on table public.organizations to authenticated;
grant select, insert, update, delete on table public.organizations to service_role;
-- end stamp

-- stamp: db/policies/rate_limit_counters.sql
-- private.rate_limit_counters: only the functions of job_gateway touch it.

revoke all on table private.rate_limit_counters from public, anon, authenticated, service_role;
grant select, insert, update on table private.rate_limit_counters to job_gateway;
-- end stamp

-- stamp: db/policies/repositories.sql
-- public.repositories: owners and members see and add theirs; the service manages them.

alter table public.repositories enable row level security;
alter table public.repositories force row level security;

drop policy if exists repositories_select_authenticated on public.repositories;
create policy repositories_select_authenticated on public.repositories
  for select to authenticated
  using (owner_user_id = (select private.current_user_id())
    or exists (
      select from public.organization_members as m
      where m.organization_id = repositories.organization_id
        and m.user_id = (select private.current_user_id())));
comment on policy repositories_select_authenticated on public.repositories is
  'A user sees own repositories and those of the user''s organizations.';

drop policy if exists repositories_insert_authenticated on public.repositories;
create policy repositories_insert_authenticated on public.repositories
  for insert to authenticated
  with check (owner_user_id = (select private.current_user_id())
    or exists (
      select from public.organization_members as m
      where m.organization_id = repositories.organization_id
        and m.user_id = (select private.current_user_id())));
comment on policy repositories_insert_authenticated on public.repositories is
  'A user adds repositories for the user or for an organization of the user.';

drop policy if exists repositories_all_service_role on public.repositories;
create policy repositories_all_service_role on public.repositories
  for all to service_role
  using (true)
  with check (true);
comment on policy repositories_all_service_role on public.repositories is
  'The service manages every row.';

drop policy if exists repositories_select_job_writer on public.repositories;
create policy repositories_select_job_writer on public.repositories
  for select to job_writer
  using (true);
comment on policy repositories_select_job_writer on public.repositories is
  'The functions that write jobs look here.';

revoke all on table public.repositories from public, anon, authenticated, service_role;
grant select on table public.repositories to authenticated, job_writer;
grant insert (full_name, git_url, owner_user_id, organization_id)
  on table public.repositories to authenticated;
grant select, insert, update, delete on table public.repositories to service_role;
-- end stamp

-- stamp: db/policies/symbols.sql
-- public.symbols: who sees the repository sees its symbols; the service replaces them.

alter table public.symbols enable row level security;
alter table public.symbols force row level security;

drop policy if exists symbols_select_authenticated on public.symbols;
create policy symbols_select_authenticated on public.symbols
  for select to authenticated
  using (exists (select from public.repositories as r where r.id = symbols.repository_id));
comment on policy symbols_select_authenticated on public.symbols is
  'A user sees the symbols of the repositories that the user sees.';

drop policy if exists symbols_all_service_role on public.symbols;
create policy symbols_all_service_role on public.symbols
  for all to service_role
  using (true)
  with check (true);
comment on policy symbols_all_service_role on public.symbols is
  'The service manages every row.';

revoke all on table public.symbols from public, anon, authenticated, service_role;
revoke all on sequence public.symbols_id_seq from public, anon, authenticated, service_role;
grant select on table public.symbols to authenticated;
grant select, insert, delete on table public.symbols to service_role;
-- end stamp

-- stamp: db/policies/tiers.sql
-- private.tiers: the gateway reads; the service manages.

revoke all on table private.tiers from public, anon, authenticated, service_role;
grant select on table private.tiers to job_gateway;
grant select, insert, update, delete on table private.tiers to service_role;
-- end stamp

-- stamp: db/functions/api_admin_get_job_status.sql
-- api_admin_get_job_status(p_claims, p_job_id, p_reason) -> api_answer
--
-- GET /admin/jobs/{id}: any tenant's job, for support, and an entry in the audit. The claims are
-- those of the service, verified by the HTTP layer; no quota is counted.
--
-- Why definer: it takes on claims that the HTTP layer has verified.
-- Callers: job_http, service_role.

create or replace function public.api_admin_get_job_status(
  p_claims jsonb,
  p_job_id text,
  p_reason text default null
)
returns private.api_answer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
  v_answer private.api_answer;
begin
  if p_claims ->> 'role' is distinct from 'service_role' then
    return private.answer(null, null);
  end if;
  select 'ok', row_to_json(j)::text, j.id, j.status, j.version
  into v_answer.verdict, v_answer.body, v_answer.job_id, v_answer.job_status, v_answer.job_version
  from private.read_job_for_admin(
    p_job_id => private.parse_uuid(p_job_id),
    p_actor => coalesce(p_claims ->> 'sub', 'service_role'),
    p_reason => p_reason) as j;
  if not found then
    v_answer.verdict := 'PT404';
  end if;
  return v_answer;
end;
$$;

comment on function public.api_admin_get_job_status(jsonb, text, text) is
  'Answers GET /admin/jobs/{id}.';

alter function public.api_admin_get_job_status(jsonb, text, text) owner to job_gateway;
revoke all on function public.api_admin_get_job_status(jsonb, text, text)
  from public, anon, authenticated, service_role;
grant execute on function public.api_admin_get_job_status(jsonb, text, text)
  to job_http, service_role;
-- end stamp

-- stamp: db/functions/api_create_index_job.sql
-- api_create_index_job(p_api_key, p_claims, p_repository, p_git_url, p_organization, p_ref,
--   p_commit_sha, p_idempotency_key) -> api_answer
--
-- POST /index in one statement: key, quota, claims, then ensure_repository and create_index_job under
-- RLS. p_organization is a slug or an id. A refusal is an answer, not an error, so that the count of
-- the request stays while nothing else does.
--
-- Why definer: it checks API keys and takes on claims that the HTTP layer has verified; it writes as
-- job_gateway, which RLS holds like any user.
-- Callers: job_http, service_role.

create or replace function public.api_create_index_job(
  p_api_key text,
  p_claims jsonb,
  p_repository text,
  p_git_url text,
  p_organization text,
  p_ref text,
  p_commit_sha text,
  p_idempotency_key text
)
returns private.api_answer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
  v_caller private.api_caller;
  v_answer private.api_answer;
  v_job public.index_jobs;
  v_organization_id uuid;
begin
  v_caller := private.identify_caller(p_api_key, p_claims);
  if v_caller.user_id is null or v_caller.requests >= v_caller.rate_limit then
    return private.answer(v_caller, null);
  end if;
  v_answer := private.answer(v_caller, private.count_request(v_caller));
  if v_answer.verdict <> 'ok' then
    return v_answer;
  end if;

  begin
    if p_repository is null then
      raise exception 'repository is missing'
        using errcode = 'PT422', detail = 'missing_repository', column = 'repository',
          hint = 'Pass {"repository": "owner/name"}.';
    end if;
    if p_organization is not null then
      select o.id into v_organization_id
      from public.organizations as o
      where o.slug = p_organization or o.id = private.parse_uuid(p_organization);
      if not found then
        raise exception 'organization is unknown'
          using errcode = 'PT422', detail = 'unknown_organization', column = 'organization',
            hint = 'Name an organization that you are a member of.';
      end if;
    end if;
    select j.* into v_job
    from public.ensure_repository(
      p_full_name => p_repository,
      p_git_url => p_git_url,
      p_organization_id => v_organization_id) as r
    cross join lateral public.create_index_job(
      p_repository_id => r.id,
      p_ref => p_ref,
      p_commit_sha => p_commit_sha,
      p_idempotency_key => p_idempotency_key) as j;
  exception when sqlstate 'PT404' or sqlstate 'PT409' or sqlstate 'PT422' then
    get stacked diagnostics
      v_answer.verdict = returned_sqlstate,
      v_answer.code = pg_exception_detail,
      v_answer.message = message_text,
      v_answer.hint = pg_exception_hint,
      v_answer.field = column_name;
    v_answer.field := case when v_answer.field in ('full_name', 'git_url') then 'repository'
      else v_answer.field end;
    return v_answer;
  end;

  v_answer.body := json_build_object(
    'jobId', v_job.id, 'runId', v_job.id, 'status', v_job.status)::text;
  v_answer.job_id := v_job.id;
  v_answer.job_status := v_job.status;
  v_answer.job_version := v_job.version;
  return v_answer;
end;
$$;

comment on function public.api_create_index_job(text, jsonb, text, text, text, text, text, text) is
  'Answers POST /index.';

alter function public.api_create_index_job(text, jsonb, text, text, text, text, text, text) owner to job_gateway;
revoke all on function public.api_create_index_job(text, jsonb, text, text, text, text, text, text)
  from public, anon, authenticated, service_role;
grant execute on function public.api_create_index_job(text, jsonb, text, text, text, text, text, text)
  to job_http, service_role;
-- end stamp

-- stamp: db/functions/api_get_job_status.sql
-- api_get_job_status(p_api_key, p_claims, p_job_id) -> api_answer
--
-- GET /jobs/{id} in one statement: key, quota, claims, and get_job_status under RLS. A refusal is an
-- answer, not an error, so that the count of the request stays. The count is written without waiting
-- for the disk: nothing else is.
--
-- Why definer: it checks API keys and takes on claims that the HTTP layer has verified; it reads jobs
-- as job_gateway, which RLS holds like any user.
-- Callers: job_http, service_role.

create or replace function public.api_get_job_status(
  p_api_key text,
  p_claims jsonb,
  p_job_id text
)
returns private.api_answer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
  v_caller private.api_caller;
  v_answer private.api_answer;
  v_body text;
  v_job_id uuid;
  v_status text;
  v_version bigint;
begin
  perform set_config('synchronous_commit', 'off', true);
  v_caller := private.identify_caller(p_api_key, p_claims);
  if v_caller.user_id is null or v_caller.requests >= v_caller.rate_limit then
    return private.answer(v_caller, null);
  end if;
  begin
    select row_to_json(j)::text, j.id, j.status, j.version
    into v_body, v_job_id, v_status, v_version
    from public.get_job_status(p_job_id => private.parse_uuid(p_job_id)) as j;
  exception when sqlstate 'PT404' then
    null;
  end;
  v_answer := private.answer(v_caller, private.count_request(v_caller));
  if v_answer.verdict = 'ok' then
    v_answer.verdict := case when v_job_id is null then 'PT404' else 'ok' end;
    v_answer.body := v_body;
    v_answer.job_id := v_job_id;
    v_answer.job_status := v_status;
    v_answer.job_version := v_version;
  end if;
  return v_answer;
end;
$$;

comment on function public.api_get_job_status(text, jsonb, text) is
  'Answers GET /jobs/{id}.';

alter function public.api_get_job_status(text, jsonb, text) owner to job_gateway;
revoke all on function public.api_get_job_status(text, jsonb, text)
  from public, anon, authenticated, service_role;
grant execute on function public.api_get_job_status(text, jsonb, text)
  to job_http, service_role;
-- end stamp

-- stamp: db/functions/api_schema_version.sql
-- api_schema_version() -> text
--
-- The number of the newest migration, which each migration leaves in the comment on the private
-- schema, whichever tool applied it.
--
-- Callers: job_http, service_role.

create or replace function public.api_schema_version()
returns text
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select substring(obj_description('private'::regnamespace, 'pg_namespace') from '[0-9]{14}');
$$;

comment on function public.api_schema_version() is
  'The number of the newest migration applied.';

revoke all on function public.api_schema_version()
  from public, anon, authenticated, service_role;
grant execute on function public.api_schema_version() to job_http, service_role;
-- end stamp

-- stamp: db/functions/claim_index_job.sql
-- claim_index_job(p_worker_id, p_lease) -> setof index_jobs
--
-- Gives the worker the oldest job that is free, as its next attempt, or no row: a pending one, or one
-- whose worker let the lease run out or whose retry_at has come. Jobs that an external queue runs
-- are left to it. A job that has used up its attempts is failed on the way.
--
-- Why definer: nobody but job_writer may update a job.
-- Locks:   one index_jobs row, for no key update; rows locked by others are passed over.
-- Raises:  PT422 missing_worker_id, invalid_lease.
-- Callers: service_role.

create or replace function public.claim_index_job(
  p_worker_id text,
  p_lease interval default interval '30 seconds'
)
returns setof public.index_jobs
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_job public.index_jobs;
  v_now timestamptz;
begin
  if coalesce(btrim(p_worker_id), '') = '' then
    raise exception 'worker_id is missing'
      using errcode = 'PT422', detail = 'missing_worker_id', column = 'worker_id',
        hint = 'Pass a text that no other worker uses, such as host:pid.';
  end if;
  if p_lease is null then
    raise exception 'lease is missing'
      using errcode = 'PT422', detail = 'invalid_lease', column = 'lease',
        hint = 'Pass an interval such as 30 seconds.';
  end if;
  perform private.check_lease(p_lease);

  loop
    v_now := private.clock();
    select j.* into v_job
    from public.index_jobs as j
    where j.status in ('pending', 'processing')
      and j.queue_job_id is null
      and (j.status = 'pending' or j.lease_expires_at <= v_now or j.retry_at <= v_now)
    order by j.created_at, j.id
    limit 1
    for no key update skip locked;
    exit when not found;

    v_now := greatest(private.clock(), v_job.updated_at);
    if v_job.attempt >= v_job.max_attempts then
      update public.index_jobs as j
      set status = 'failed',
        error_message = 'the worker was lost and all ' || v_job.max_attempts
          || ' attempts are used up',
        completed_at = v_now,
        lease_expires_at = null,
        retry_at = null,
        updated_at = v_now,
        version = j.version + 1
      where j.id = v_job.id;
    else
      return query
      update public.index_jobs as j
      set status = 'processing',
        attempt = j.attempt + 1,
        worker_id = p_worker_id,
        progress = null,
        started_at = coalesce(j.started_at, v_now),
        heartbeat_at = v_now,
        lease_expires_at = v_now + p_lease,
        retry_at = null,
        updated_at = v_now,
        version = j.version + 1
      where j.id = v_job.id
      returning j.*;
      exit;
    end if;
  end loop;
end;
$$;

comment on function public.claim_index_job(text, interval) is
  'Claims the oldest free index job for a worker.';

alter function public.claim_index_job(text, interval) owner to job_writer;
revoke all on function public.claim_index_job(text, interval)
  from public, anon, authenticated, service_role;
grant execute on function public.claim_index_job(text, interval) to service_role;
-- end stamp

-- stamp: db/functions/create_api_key.sql
-- create_api_key(p_name, p_expires_at) -> table (key_id, api_key, name, expires_at, created_at)
--
-- Makes an API key for the signed-in user. api_key is shown this once: only its hash is kept.
--
-- Raises:  42501 without a signed-in user; PT422 invalid_name, invalid_expires_at.
-- Callers: authenticated.

create or replace function public.create_api_key(
  p_name text,
  p_expires_at timestamptz default null
)
returns table (
  key_id text, api_key text, name text, expires_at timestamptz, created_at timestamptz
)
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  select k.key_id, k.api_key, k.name, k.expires_at, k.created_at
  from private.issue_api_key(p_name => p_name, p_expires_at => p_expires_at) as k;
end;
$$;

comment on function public.create_api_key(text, timestamptz) is
  'Makes an API key for the caller and shows its secret once.';

revoke all on function public.create_api_key(text, timestamptz)
  from public, anon, authenticated, service_role;
grant execute on function public.create_api_key(text, timestamptz) to authenticated;
-- end stamp

-- stamp: db/functions/create_index_job.sql
-- create_index_job(p_repository_id, p_ref, p_commit_sha, p_idempotency_key) -> setof index_jobs
--
-- Makes a pending job that indexes the repository at a ref (default: its default branch) or at a
-- commit, and returns it. The same caller, key and request return the same job, however often.
--
-- Raises:  PT404 when the repository is missing or hidden; PT422 invalid_ref, invalid_commit_sha,
--          invalid_idempotency_key, idempotency_key_reused.
-- Callers: authenticated, service_role.

create or replace function public.create_index_job(
  p_repository_id uuid,
  p_ref text default null,
  p_commit_sha text default null,
  p_idempotency_key text default null
)
returns setof public.index_jobs
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  if pg_has_role(current_user, 'service_role', 'usage') then
    return query
    select j.*
    from private.insert_index_job(
      p_repository_id => p_repository_id,
      p_ref => p_ref,
      p_commit_sha => p_commit_sha,
      p_idempotency_key => p_idempotency_key,
      p_created_by => null) as j;
  else
    return query
    select j.*
    from private.request_index_job(
      p_repository_id => p_repository_id,
      p_ref => p_ref,
      p_commit_sha => p_commit_sha,
      p_idempotency_key => p_idempotency_key) as j;
  end if;
end;
$$;

comment on function public.create_index_job(uuid, text, text, text) is
  'Makes a pending index job, once for each idempotency key.';

revoke all on function public.create_index_job(uuid, text, text, text)
  from public, anon, authenticated, service_role;
grant execute on function public.create_index_job(uuid, text, text, text)
  to authenticated, service_role;
-- end stamp

-- stamp: db/functions/ensure_repository.sql
-- ensure_repository(p_full_name, p_git_url, p_organization_id) -> setof repositories
--
-- Returns the repository of that name that the caller, or the organization, owns; makes it from
-- p_git_url when there is none. Two callers at once get the same row.
--
-- Raises:  PT422 invalid_full_name, invalid_git_url, missing_git_url, unknown_organization;
--          PT409 repository_url_differs; 42501 without a signed-in user.
-- Callers: authenticated.

create or replace function public.ensure_repository(
  p_full_name text,
  p_git_url text default null,
  p_organization_id uuid default null
)
returns setof public.repositories
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id uuid := private.current_user_id();
  v_repository public.repositories;
begin
  if p_full_name is null or length(p_full_name) > 255
    or p_full_name !~ '^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+){1,7}$'
  then
    raise exception 'full_name is not of the form owner/name'
      using errcode = 'PT422', detail = 'invalid_full_name', column = 'full_name',
        hint = 'Use letters, digits, ., _ and - around one slash at least.';
  end if;
  if length(p_git_url) > 2048
    or p_git_url !~ '^(https?://|file:///|/)[^[:cntrl:][:space:]][^[:cntrl:]]*$'
    or p_git_url ~ '^[a-z]+://[^/]*@'
  then
    raise exception 'git_url is neither an https URL without credentials nor an absolute path'
      using errcode = 'PT422', detail = 'invalid_git_url', column = 'git_url',
        hint = 'Pass a URL such as https://example.org/owner/name.git.';
  end if;
  if p_organization_id is not null and not exists (
    select from public.organization_members as m
    where m.organization_id = p_organization_id and m.user_id = v_user_id)
  then
    raise exception 'organization is unknown'
      using errcode = 'PT422', detail = 'unknown_organization', column = 'organization',
        hint = 'Name an organization that you are a member of.';
  end if;

  loop
    select r.* into v_repository
    from public.repositories as r
    where r.full_name = p_full_name
      and case when p_organization_id is null
        then r.owner_user_id = v_user_id
        else r.organization_id = p_organization_id
      end;
    exit when found;
    if p_git_url is null then
      raise exception 'git_url is missing and there is no such repository'
        using errcode = 'PT422', detail = 'missing_git_url', column = 'git_url',
          hint = 'Pass the URL to clone from.';
    end if;
    insert into public.repositories (full_name, git_url, owner_user_id, organization_id)
    values (
      p_full_name, p_git_url,
      case when p_organization_id is null then v_user_id end, p_organization_id)
    on conflict do nothing
    returning * into v_repository;
    exit when found;
  end loop;

  if p_git_url <> v_repository.git_url then
    raise exception 'the repository of that name has another URL'
      using errcode = 'PT409', detail = 'repository_url_differs', column = 'git_url',
        hint = 'Use another name, or leave the URL out.';
  end if;
  return next v_repository;
end;
$$;

comment on function public.ensure_repository(text, text, uuid) is
  'Returns the repository of that name, made if there is none.';

revoke all on function public.ensure_repository(text, text, uuid)
  from public, anon, authenticated, service_role;
grant execute on function public.ensure_repository(text, text, uuid) to authenticated;
-- end stamp

-- stamp: db/functions/get_job_status.sql
-- get_job_status(p_job_id) -> setof index_jobs
--
-- Reads one job. Hidden and missing look the same, on purpose.
--
-- Raises:  PT404 when the job does not exist or RLS hides it.
-- Callers: authenticated, service_role.

create or replace function public.get_job_status(p_job_id uuid)
returns setof public.index_jobs
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  return query select j.* from public.index_jobs as j where j.id = p_job_id;
  if not found then
    raise exception 'index job not found' using errcode = 'PT404';
  end if;
end;
$$;

comment on function public.get_job_status(uuid) is
  'Returns one index job that the caller may see.';

revoke all on function public.get_job_status(uuid)
  from public, anon, authenticated, service_role;
grant execute on function public.get_job_status(uuid) to authenticated, service_role;
-- end stamp

-- stamp: db/functions/link_queue_job.sql
-- link_queue_job(p_job_id, p_queue_job_id) -> setof index_jobs
--
-- Names the job of an external queue that runs this one; from then on the built-in runner leaves it
-- alone. Set once: the same link again returns the row as it is.
--
-- Why definer: nobody but job_writer may update a job.
-- Locks:   the index_jobs row, for no key update.
-- Raises:  PT404 when the job does not exist; PT409 already_linked, invalid_transition (the job has
--          already begun without the queue); PT422 missing_queue_job_id.
-- Callers: service_role.

create or replace function public.link_queue_job(
  p_job_id uuid,
  p_queue_job_id uuid
)
returns setof public.index_jobs
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_job public.index_jobs;
  v_now timestamptz;
begin
  if p_queue_job_id is null then
    raise exception 'queue_job_id is missing'
      using errcode = 'PT422', detail = 'missing_queue_job_id', column = 'queue_job_id',
        hint = 'Pass the id that the queue gave.';
  end if;

  v_job := private.lock_index_job(p_job_id);
  v_now := greatest(private.clock(), v_job.updated_at);
  if v_job.queue_job_id = p_queue_job_id then
    return next v_job;
    return;
  end if;
  if v_job.queue_job_id is not null then
    raise exception 'the job is linked to another queue job'
      using errcode = 'PT409', detail = 'already_linked', column = 'queue_job_id',
        hint = 'Make a new index job for a new queue job.';
  end if;
  if v_job.status <> 'pending' then
    raise exception 'the job is % without a queue', v_job.status
      using errcode = 'PT409', detail = 'invalid_transition', column = 'queue_job_id',
        hint = 'Link the queue job in the transaction that makes the index job.';
  end if;

  return query
  update public.index_jobs as j
  set queue_job_id = p_queue_job_id, updated_at = v_now, version = j.version + 1
  where j.id = v_job.id
  returning j.*;
end;
$$;

comment on function public.link_queue_job(uuid, uuid) is
  'Links an index job to the queue job that runs it, once.';

alter function public.link_queue_job(uuid, uuid) owner to job_writer;
revoke all on function public.link_queue_job(uuid, uuid)
  from public, anon, authenticated, service_role;
grant execute on function public.link_queue_job(uuid, uuid) to service_role;
-- end stamp

-- stamp: db/functions/list_api_keys.sql
-- list_api_keys() -> table (key_id, name, enabled, created_at, expires_at, last_used_at)
--
-- The caller's API keys, newest first, without secrets.
--
-- Callers: authenticated.

create or replace function public.list_api_keys()
returns table (
  key_id text, name text, enabled boolean, created_at timestamptz, expires_at timestamptz,
  last_used_at timestamptz
)
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  select k.key_id, k.name, k.enabled, k.created_at, k.expires_at, k.last_used_at
  from private.read_api_keys() as k;
end;
$$;

comment on function public.list_api_keys() is
  'Lists the caller''s API keys.';

revoke all on function public.list_api_keys() from public, anon, authenticated, service_role;
grant execute on function public.list_api_keys() to authenticated;
-- end stamp

-- stamp: db/functions/report_job_progress.sql
-- report_job_progress(p_job_id, p_attempt, p_phase, p_done, p_total, p_lease)
--   -> table (cancel_requested, lease_expires_at)
--
-- A sign of life of the worker, with or without progress (p_done of p_total things of p_phase; total
-- null while unknown). With p_lease the lease runs from now; p_lease => '0' hands the job back, and
-- the next claim takes it at once. The answer says whether the user has asked to cancel.
--
-- Why definer: nobody but job_writer may update a job.
-- Locks:   the index_jobs row, for no key update.
-- Raises:  PT404 when the job does not exist; PT409 stale_attempt, attempt_required, not_processing;
--          PT422 invalid_progress, invalid_lease.
-- Callers: service_role.

create or replace function public.report_job_progress(
  p_job_id uuid,
  p_attempt integer,
  p_phase text default null,
  p_done bigint default null,
  p_total bigint default null,
  p_lease interval default null
)
returns table (cancel_requested boolean, lease_expires_at timestamptz)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_progress jsonb;
  v_job public.index_jobs;
  v_now timestamptz;
begin
  if num_nonnulls(p_phase, p_done, p_total) > 0 and (
    coalesce(btrim(p_phase), '') = '' or length(p_phase) > 100
    or p_done is null or p_done < 0 or p_total < p_done)
  then
    raise exception 'progress is not a phase with done, at most total'
      using errcode = 'PT422', detail = 'invalid_progress', column = 'phase',
        hint = 'Pass p_phase and 0 <= p_done <= p_total, or none of them for a heartbeat.';
  end if;
  perform private.check_lease(p_lease);
  if p_phase is not null then
    v_progress := jsonb_build_object('phase', p_phase, 'done', p_done, 'total', p_total);
  end if;

  v_job := private.lock_index_job(p_job_id);
  v_now := greatest(private.clock(), v_job.updated_at);
  perform private.check_attempt(v_job, p_attempt);
  if v_job.status <> 'processing' then
    raise exception 'the job is %', v_job.status
      using errcode = 'PT409', detail = 'not_processing', column = 'job_id',
        hint = 'Drop the work.';
  end if;

  return query
  update public.index_jobs as j
  set heartbeat_at = v_now,
    lease_expires_at = coalesce(v_now + p_lease, j.lease_expires_at),
    progress = coalesce(v_progress, j.progress),
    updated_at = case when v_progress <> j.progress or (j.progress is null and v_progress is not null)
      then v_now else j.updated_at end,
    version = case when v_progress <> j.progress or (j.progress is null and v_progress is not null)
      then j.version + 1 else j.version end
  where j.id = v_job.id
  returning j.cancel_requested_at is not null, j.lease_expires_at;
end;
$$;

comment on function public.report_job_progress(uuid, integer, text, bigint, bigint, interval) is
  'Records a heartbeat and the progress of an index job.';

alter function public.report_job_progress(uuid, integer, text, bigint, bigint, interval) owner to job_writer;
revoke all on function public.report_job_progress(uuid, integer, text, bigint, bigint, interval)
  from public, anon, authenticated, service_role;
grant execute on function public.report_job_progress(uuid, integer, text, bigint, bigint, interval)
  to service_role;
-- end stamp

-- stamp: db/functions/revoke_api_key.sql
-- revoke_api_key(p_key_id) -> table (key_id, name, enabled, created_at, expires_at, last_used_at)
--
-- Disables one of the caller's API keys for good; its next call is refused. Again is no error.
--
-- Raises:  PT404 when the caller has no such key.
-- Callers: authenticated.

create or replace function public.revoke_api_key(p_key_id text)
returns table (
  key_id text, name text, enabled boolean, created_at timestamptz, expires_at timestamptz,
  last_used_at timestamptz
)
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  select k.key_id, k.name, k.enabled, k.created_at, k.expires_at, k.last_used_at
  from private.disable_api_key(p_key_id => p_key_id) as k;
end;
$$;

comment on function public.revoke_api_key(text) is
  'Disables one of the caller''s API keys.';

revoke all on function public.revoke_api_key(text)
  from public, anon, authenticated, service_role;
grant execute on function public.revoke_api_key(text) to authenticated;
-- end stamp

-- stamp: db/functions/update_job_status.sql
-- update_job_status(p_job_id, p_status, p_metadata, p_attempt, p_worker_id) -> setof index_jobs
--
-- Moves a job forward and returns it: started_at is set on processing, completed_at on a final
-- status, error_message from metadata.error, stats from metadata.stats, commit_sha from
-- metadata.commit_sha where the caller left it open. A repeat of the move that was already made
-- (a lost answer) returns the row as it is and writes nothing.
--
-- Why definer: nobody but job_writer may update a job.
-- Locks:   the index_jobs row, for no key update.
-- Raises:  PT404 when the job does not exist; PT409 stale_attempt, attempt_required,
--          already_processing, conflicting_repeat, invalid_transition; PT422 unknown_status,
--          commit_mismatch and those of private.check_job_metadata.
-- Callers: service_role.

create or replace function public.update_job_status(
  p_job_id uuid,
  p_status text,
  p_metadata jsonb default '{}',
  p_attempt integer default null,
  p_worker_id text default null
)
returns setof public.index_jobs
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_status public.job_status;
  v_metadata jsonb := coalesce(p_metadata, '{}');
  v_error text;
  v_stats jsonb := v_metadata -> 'stats';
  v_commit_sha text := lower(v_metadata ->> 'commit_sha');
  v_job public.index_jobs;
  v_now timestamptz;
begin
  select e.status into v_status
  from unnest(enum_range(null::public.job_status)) as e (status)
  where e.status::text = p_status;
  if not found then
    raise exception 'status is unknown'
      using errcode = 'PT422', detail = 'unknown_status', column = 'status',
        hint = 'Pass processing, completed, failed or cancelled.';
  end if;
  perform private.check_job_metadata(v_status, v_metadata);
  v_error := private.clean_error(v_metadata ->> 'error');

  v_job := private.lock_index_job(p_job_id);
  v_now := greatest(private.clock(), v_job.updated_at);
  perform private.check_attempt(v_job, p_attempt);

  if v_status = v_job.status and v_status = 'processing' then
    if p_worker_id is distinct from v_job.worker_id then
      raise exception 'another worker has begun the job'
        using errcode = 'PT409', detail = 'already_processing', column = 'worker_id',
          hint = 'Drop the work.';
    end if;
    return next v_job;
    return;
  end if;

  if v_status = v_job.status and private.is_final(v_status) then
    if v_error is distinct from v_job.error_message
      or v_stats is distinct from v_job.stats
      or (v_commit_sha is not null and v_commit_sha is distinct from v_job.commit_sha)
    then
      raise exception 'the job already ended with another result'
        using errcode = 'PT409', detail = 'conflicting_repeat', column = 'metadata',
          hint = 'The first result stands; read it by get_job_status.';
    end if;
    return next v_job;
    return;
  end if;

  perform
  from private.job_transitions() as t
  where t.from_status = v_job.status and t.to_status = v_status;
  if not found then
    raise exception 'a job does not go from % to %', v_job.status, v_status
      using errcode = 'PT409', detail = 'invalid_transition', column = 'status',
        hint = 'Read the job by get_job_status; a final status stays.';
  end if;

  if v_commit_sha <> v_job.commit_sha then
    raise exception 'commit_sha is not the commit that the job asks for'
      using errcode = 'PT422', detail = 'commit_mismatch', column = 'metadata',
        hint = 'Index the commit in commit_sha, or fail the job.';
  end if;

  return query
  update public.index_jobs as j
  set status = v_status,
    attempt = case when v_status = 'processing' then 1 else j.attempt end,
    worker_id = coalesce(p_worker_id, j.worker_id),
    stats = v_stats,
    error_message = v_error,
    commit_sha = coalesce(j.commit_sha, v_commit_sha),
    started_at = case when v_status = 'processing' then v_now else j.started_at end,
    heartbeat_at = case when j.status = 'pending' and v_status <> 'processing'
      then j.heartbeat_at else v_now end,
    completed_at = case when private.is_final(v_status) then v_now end,
    lease_expires_at = null,
    retry_at = null,
    updated_at = v_now,
    version = j.version + 1
  where j.id = v_job.id
  returning j.*;
end;
$$;

comment on function public.update_job_status(uuid, text, jsonb, integer, text) is
  'Moves an index job forward; refuses every other move.';

alter function public.update_job_status(uuid, text, jsonb, integer, text) owner to job_writer;
revoke all on function public.update_job_status(uuid, text, jsonb, integer, text)
  from public, anon, authenticated, service_role;
grant execute on function public.update_job_status(uuid, text, jsonb, integer, text)
  to service_role;
-- end stamp

revoke create on schema public, private from job_writer, job_gateway;
revoke job_writer, job_gateway from current_user;
-- end stamped part

notify pgrst, 'reload schema';
comment on schema private is 'schema version 20261124043324';
