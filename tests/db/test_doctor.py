"""The doctor finds and fixes each fault, mostly as Supabase's `postgres`, not a superuser."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from db.local.bootstrap import scaffold
from db.tools import catalogue, doctor, migrate, reset, stamp, versions
from tests.support.workspace import new_workspace

INDEX_JOBS = Path(sys.executable).with_name("index-jobs")
JOB = "00000000-0000-4000-8000-0000000000c1"
A_JOB = f"""
insert into auth.users (id) values ('00000000-0000-4000-8000-0000000000a1');
insert into public.repositories (id, full_name, git_url, owner_user_id)
values ('00000000-0000-4000-8000-0000000000b1', 'a/b', 'https://example.org/a/b',
        '00000000-0000-4000-8000-0000000000a1');
insert into public.index_jobs (
  id, repository_id, repository, owner_user_id, created_at, updated_at)
values ('{JOB}', '00000000-0000-4000-8000-0000000000b1', 'a/b',
        '00000000-0000-4000-8000-0000000000a1', now() - interval '2 days', now())
"""
CLAIMED = f"""
update public.index_jobs
set status = 'processing', attempt = 1, started_at = created_at, heartbeat_at = created_at,
  lease_expires_at = {{}}, retry_at = {{}}, queue_job_id = {{}}
where id = '{JOB}'
"""
A_DAY_AGO = "now() - interval '1 day'"
EDITED = """
create or replace function public.get_job_status(p_job_id uuid)
returns setof public.index_jobs language plpgsql stable security invoker
set search_path = pg_catalog, pg_temp
as $$ begin return query select j.* from public.index_jobs as j; end $$
"""
STRANGER = (
    "create or replace function public.spy() returns trigger language plpgsql"
    " as 'begin return null; end'"
)
PUBLIC = "create on schema public to {}"
OVERLOAD = "create function public.get_job_status(p text) returns text language sql as 'select p'"


@pytest.fixture(scope="module")
def patient(clusters: Callable[..., Any]) -> Iterator[Any]:
    """A freshly migrated database. Every test leaves it without faults."""
    with clusters(17, "supabase").database("supabase", migrated=False) as database:
        migrate.apply(database.migrator_url)
        yield database


def execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


def examine(database: Any) -> list[tuple[str, str]]:
    found = doctor.examine(database.migrator_url).findings
    return [(finding.check, finding.object) for finding in found]


def run(database: Any, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    with new_workspace() as workspace:
        url = database.migrator_url
        return workspace.ask("doctor", "--database-url", url, *arguments, **environment)


@pytest.mark.parametrize(
    ("major", "owner"), [(18, "ordinary"), (18, "superuser"), (15, "ordinary"), (15, "supabase")]
)
def test_snapshot_matches_the_migrations(new_database: Any, major: int, owner: str) -> None:
    hosted = owner == "supabase"
    database = new_database(major, owner, migrated=False, plain=not hosted)
    migrate.apply(database.migrator_url)
    with psycopg.connect(database.migrator_url) as connection:
        facts = catalogue.facts(connection)
    assert catalogue.snapshot(facts) == catalogue.SNAPSHOT.read_text(), "run: make docs"
    assert examine(database) == []


def test_healthy_database_is_reported_as_healthy(patient: Any) -> None:
    done = run(patient)
    assert done.returncode == 0
    assert "fix:" not in done.stdout
    assert f"schema {migrate.newest_version()}: no problems found" in done.stderr
    done = run(patient, "--json")
    assert done.returncode == 0
    said = json.loads(done.stdout)
    assert (said["ok"], said["findings"]) == (True, [])


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (
            "drop policy index_jobs_select_authenticated on public.index_jobs",
            ("policy", "index_jobs_select_authenticated on public.index_jobs"),
        ),
        (
            "alter policy index_jobs_select_authenticated on public.index_jobs using (true)",
            ("policy", "index_jobs_select_authenticated on public.index_jobs"),
        ),
        (
            "create policy open on public.index_jobs for select to anon using (true)",
            ("policy", "open on public.index_jobs"),
        ),
        (
            "grant select on public.index_jobs to anon",
            ("grant", "select on table public.index_jobs to anon"),
        ),
        (
            "grant update (status) on public.index_jobs to authenticated",
            ("grant", "update (status) on table public.index_jobs to authenticated"),
        ),
        (
            "grant usage on sequence public.symbols_id_seq to anon",
            ("grant", "usage on sequence public.symbols_id_seq to anon"),
        ),
        (
            "grant execute on function public.get_job_status(uuid) to public",
            ("grant", "execute on function public.get_job_status(uuid) to public"),
        ),
        (
            "revoke select on public.index_jobs from authenticated",
            ("grant", "select on table public.index_jobs to authenticated"),
        ),
        (
            "grant usage on schema private to anon",
            ("grant", "usage on schema private to anon"),
        ),
        (
            "alter table public.index_jobs no force row level security",
            ("row-level security", "public.index_jobs"),
        ),
        (EDITED, ("function", "public.get_job_status(uuid)")),
        (
            "alter function public.get_job_status(uuid) security definer",
            ("function", "public.get_job_status(uuid)"),
        ),
        (
            "alter function public.get_job_status(uuid) reset search_path",
            ("function", "public.get_job_status(uuid)"),
        ),
        (OVERLOAD, ("function", "public.get_job_status(text)")),
        (
            "alter table public.index_jobs drop constraint index_jobs_stats_are_an_object",
            ("constraint", "index_jobs_stats_are_an_object on public.index_jobs"),
        ),
        (
            "drop index public.index_jobs_created_by_idx",
            ("index", "index_jobs_created_by_idx on public.index_jobs"),
        ),
        (
            "alter table public.index_jobs disable trigger index_jobs_record_change",
            ("trigger state", "index_jobs_record_change on public.index_jobs"),
        ),
        (
            "drop trigger index_jobs_record_change on public.index_jobs",
            ("trigger", "index_jobs_record_change on public.index_jobs"),
        ),
        ("alter role job_writer login", ("role", "job_writer")),
        ("grant job_writer to authenticated", ("membership", "authenticated in job_writer")),
        ("grant service_role to job_gateway", ("membership", "job_gateway in service_role")),
        ("grant job_writer to dashboard_user", ("membership", "dashboard_user in job_writer")),
        (
            f"{STRANGER}; create trigger spy after update on public.index_jobs"
            " execute function public.spy()",
            ("trigger", "spy on public.index_jobs"),
        ),
        (
            "create rule keep as on delete to public.index_job_events do instead nothing",
            ("rule", "keep on public.index_job_events"),
        ),
        ("grant create on schema public to service_role", ("grant", PUBLIC.format("service_role"))),
        ("grant create on schema public to public", ("grant", PUBLIC.format("public"))),
        (
            "create view public.open_jobs as select j.id, j.ref from public.index_jobs as j",
            ("view", "public.open_jobs"),
        ),
        (
            "create schema theirs; create view theirs.near as table public.index_jobs;"
            "alter view theirs.near set (security_invoker = on);"
            "create view theirs.far as select i.id from theirs.near as i",
            ("view", "theirs.far"),
        ),
        (
            "create materialized view public.old_jobs as select j.id from public.index_jobs as j;"
            "grant select on public.old_jobs to authenticated",
            ("materialized view", "public.old_jobs"),
        ),
        (
            "grant job_writer to current_user; grant create on schema public to job_writer;"
            f"{STRANGER.replace('spy', 'backdoor')} security definer;"
            "alter function public.backdoor() owner to job_writer;"
            "revoke create on schema public from job_writer; revoke job_writer from current_user",
            ("function", "public.backdoor()"),
        ),
        (
            "alter default privileges in schema private grant select on tables to job_http",
            ("default privileges", "postgres"),
        ),
    ],
)
def test_manual_change_is_reported_and_its_remedy_works(
    patient: Any, damage: str, found: tuple[str, str]
) -> None:
    execute(patient.migrator_url, damage)
    diagnosis = doctor.examine(patient.migrator_url)
    assert found in [(finding.check, finding.object) for finding in diagnosis.findings]
    for finding in diagnosis.findings:
        cure = finding.remedy
        if cure == doctor.REWRITE:
            cure = run(patient, "--sql").stdout
        execute(patient.migrator_url, cure)
    assert examine(patient) == []


@pytest.mark.parametrize("major", [18, 15])
def test_access_left_open_by_an_earlier_release_is_found_and_closed(
    new_database: Any, major: int
) -> None:
    """An earlier release ran the development-only part on every database."""
    database = new_database(major, "ordinary", plain=True)
    url = database.migrator_url
    with psycopg.connect(url) as connection:
        scaffold(connection)
    migrate.apply(url)
    execute(url, "create table public.later (id bigint generated always as identity)")
    execute(url, "create function public.later() returns int language sql as 'select 1'")
    execute(database.url, "alter default privileges grant insert on tables to anon")
    findings = doctor.examine(url).findings
    assert sorted((f.check, f.object) for f in findings) == [
        *[("default privileges", "migrator")] * 3,
        ("default privileges", "postgres"),
        ("left open", "function public.later()"),
        ("left open", "sequence public.later_id_seq"),
        ("left open", "table public.later"),
    ]
    for finding in findings:
        execute(database.url if finding.object == "postgres" else url, finding.remedy)
    assert examine(database) == []
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        execute(database.anon_url, "truncate public.later")
    execute(url, "create table public.latest ()")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        execute(database.anon_url, "table public.latest")


def test_development_access_is_not_reported(new_database: Any) -> None:
    database = new_database(migrated=False)
    migrate.apply(database.migrator_url)
    assert {check for check, _ in examine(database)} == {"default privileges"}
    with psycopg.connect(database.migrator_url) as connection:
        reset.mark_for_development(connection, "a test")
    assert examine(database) == []


def test_bans_hidden_by_row_level_security_are_found_and_fixed(
    new_database: Any,
) -> None:
    database = new_database(18, "ordinary", plain=True)
    migrate.apply(database.migrator_url)
    alice = "'00000000-0000-4000-8000-0000000000a1'"
    banned = f"select {alice} = any (private.banned_users(array[{alice}]::uuid[]))"
    execute(database.url, A_JOB)
    execute(database.url, "update auth.users set banned_until = 'infinity'")
    execute(database.url, "alter table auth.users owner to current_user")
    execute(database.url, "grant select, references on auth.users to migrator")
    assert examine(database) == [("stuck job", JOB)]

    execute(database.url, "alter table auth.users enable row level security")
    with psycopg.connect(database.migrator_url) as connection:
        assert connection.execute(banned).fetchone() == (False,)
    (finding,) = (
        found
        for found in doctor.examine(database.migrator_url).findings
        if found.object == "auth.users"
    )
    assert "hides users from migrator" in finding.problem
    _, remedy = finding.remedy.split(": ", 1)
    execute(database.url, remedy)
    with psycopg.connect(database.migrator_url) as connection:
        assert connection.execute(banned).fetchone() == (True,)
    assert examine(database) == [("stuck job", JOB)]


@pytest.mark.parametrize("major", [18, 15])
def test_advice_does_not_fail_the_doctor_and_can_be_followed(new_database: Any, major: int) -> None:
    database = new_database(major, "ordinary", plain=True)
    migrate.apply(database.migrator_url)
    execute(
        database.migrator_url,
        "create function public.peek() returns bigint language sql security definer"
        " as 'select count(*) from public.index_jobs'",
    )
    execute(database.url, f"alter database {database.name} set temp_file_limit = -1")
    done = run(database)
    assert done.returncode == 0
    assert "no problems found" in done.stderr
    advice = doctor.examine(database.migrator_url).advice
    said = [(each.check, each.object) for each in advice]
    room = ("room", f"database {database.name}")
    assert said == [("function", "public.peek()"), room, room, room]
    urls = (database.migrator_url, database.migrator_url, database.url, database.url)
    for each, url in zip(advice, urls, strict=True):
        assert f"advice, {each.check} {each.object}: {each.problem}\n  {each.remedy}" in done.stdout
        execute(url, each.remedy)
    assert doctor.examine(database.migrator_url).advice == ()
    with psycopg.connect(database.authenticated_url, autocommit=True) as guest:
        assert guest.execute("show temp_file_limit").fetchone() == ("4GB",)
        for statement in (
            "create temporary table heap ()",
            "select lo_create(0)",
            "set temp_file_limit = -1",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                guest.execute(statement)


def test_command_lists_findings_with_remedies_and_exits_with_1(patient: Any) -> None:
    policy = "index_jobs_select_authenticated on public.index_jobs"
    execute(patient.migrator_url, f"drop policy {policy}")
    execute(patient.migrator_url, "grant select on public.index_jobs to anon")
    execute(patient.migrator_url, EDITED)
    execute(patient.url, A_JOB)
    try:
        done = run(patient, "--json")
        shown = run(patient)
    finally:
        execute(patient.url, "delete from auth.users")
        execute(patient.migrator_url, run(patient, "--sql").stdout)
    assert (done.returncode, shown.returncode) == (1, 1)
    said = json.loads(done.stdout)
    assert said["ok"] is False
    found = {(f["check"], f["object"]): f["remedy"] for f in said["findings"]}
    assert found.pop(("policy", policy)).startswith(f"create policy {policy} for select to ")
    grant = "select on table public.index_jobs"
    assert found.pop(("grant", f"{grant} to anon")) == f"revoke {grant} from anon;"
    assert found.pop(("function", "public.get_job_status(uuid)")) == doctor.REWRITE
    assert found.pop(("stuck job", JOB)).startswith("start a runner")
    assert found == {}
    for finding in said["findings"]:
        assert f"{finding['check']} {finding['object']}: " in shown.stdout
        assert f"\n  fix: {finding['remedy']}\n" in shown.stdout
    assert examine(patient) == []


def test_lost_owner_is_found_and_fixed(patient: Any) -> None:
    function = "public.claim_index_job(text,interval,uuid[])"
    execute(patient.url, f"alter function {function} owner to postgres")
    findings = doctor.examine(patient.migrator_url).findings
    assert ("owner", f"function {function}") in [(f.check, f.object) for f in findings]
    assert {f.remedy for f in findings if f.check == "owner"} == {doctor.REWRITE}
    execute(patient.migrator_url, run(patient, "--sql").stdout)
    assert examine(patient) == []


@pytest.fixture
def own(new_database: Any) -> Any:
    """A migrated database with a login for each role."""
    database = new_database(plain=True)
    migrate.apply(database.migrator_url)
    return database


@pytest.mark.parametrize(
    ("login", "problem"),
    [
        ("postgres", "it is a superuser"),
        ("migrator", "it may create roles, owns the tables"),
        ("index_jobs_worker", "it may become service_role or job_worker"),
        ("test_service_role", "it may become service_role or job_worker"),
        ("test_anon", "may not execute the api_ functions"),
    ],
)
def test_api_login_with_wrong_rights_is_reported(own: Any, login: str, problem: str) -> None:
    (found,) = doctor.examine(own.migrator_url, own.url_of(login)).findings
    assert (found.check, found.object) == ("login", login)
    assert problem in found.problem
    assert "grant job_http to " in found.remedy


def test_api_login_that_bypasses_row_level_security_is_reported(own: Any) -> None:
    execute(own.url, "alter role index_jobs_api bypassrls")
    try:
        (found,) = doctor.examine(own.migrator_url, own.api_url).findings
    finally:
        execute(own.url, "alter role index_jobs_api nobypassrls")
    assert found.problem.endswith("it bypasses row-level security")


def test_correct_api_login_is_not_reported(own: Any) -> None:
    assert doctor.examine(own.migrator_url, own.api_url).findings == ()


def test_api_login_that_cannot_connect_is_reported(patient: Any) -> None:
    done = run(patient, API_DATABASE_URL="postgresql://a:hush-hush@127.0.0.1:1/c")
    assert done.returncode == 1
    assert done.stdout.startswith("login API_DATABASE_URL: does not work: cannot connect")
    assert "hush-hush" not in done.stdout


def test_foreign_objects_are_ignored(patient: Any) -> None:
    execute(
        patient.migrator_url,
        """
        create table public.notes (id int primary key);
        alter table public.index_jobs add column note text;
        create index index_jobs_note_idx on public.index_jobs (note);
        """,
    )
    try:
        assert examine(patient) == []
    finally:
        execute(
            patient.migrator_url,
            "drop table public.notes; alter table public.index_jobs drop column note",
        )


@pytest.mark.parametrize(
    ("state", "problem", "remedy"),
    [
        (None, "no worker has claimed it, since ", "start a runner"),
        ((A_DAY_AGO, "null", "null"), "its worker's lease has expired, since ", "start a runner"),
        (("null", A_DAY_AGO, "null"), "no worker has claimed its next attempt, since ", "start a"),
        (("null", "null", "null"), "its worker sends no heartbeats, since ", "check its worker"),
        (
            ("null", "null", f"'{JOB}'"),
            "its worker sends no heartbeats, since ",
            f"check job {JOB} in its queue",
        ),
    ],
)
def test_stuck_job_is_reported_and_can_be_failed_or_claimed(
    patient: Any, state: tuple[str, str, str] | None, problem: str, remedy: str
) -> None:
    execute(patient.url, A_JOB)
    if state:
        execute(patient.url, CLAIMED.format(*state))
    try:
        (finding,) = doctor.examine(patient.migrator_url).findings
        _, _, give_up = finding.remedy.partition(", or fail the job, as service_role: ")
        claim = "public.claim_index_job(gen_random_uuid()::text)"
        execute(patient.url, f"set role service_role; select {give_up or claim}")
        assert examine(patient) == []
    finally:
        execute(patient.url, "delete from auth.users")
    assert (finding.check, finding.object) == ("stuck job", JOB)
    assert finding.problem.startswith(problem)
    assert finding.remedy.startswith(remedy)


def test_ordinary_owner_sees_stuck_jobs_and_keeps_no_role(new_database: Any) -> None:
    database = new_database(18, "ordinary", plain=True)
    migrate.apply(database.migrator_url)
    execute(database.url, "revoke service_role from migrator cascade")
    execute(
        database.url, "grant service_role to migrator with admin option, inherit false, set false"
    )
    execute(database.url, A_JOB)
    assert examine(database) == [("stuck job", JOB)]
    with psycopg.connect(database.migrator_url) as connection:
        can = connection.execute("select pg_has_role('service_role', 'set')").fetchone()
    assert can == (False,)


def test_running_job_is_not_stuck(patient: Any) -> None:
    execute(patient.url, A_JOB)
    execute(patient.url, CLAIMED.format("now() + interval '30 seconds'", "null", "null"))
    try:
        assert examine(patient) == []
    finally:
        execute(patient.url, "delete from auth.users")


def test_missing_migration_is_reported_with_its_remedy(new_database: Any) -> None:
    database = new_database(17, "supabase", migrated=False)
    *earlier, newest = stamp.migration_files()
    for file in earlier:
        execute(database.migrator_url, file.read_text())
    done = run(database)
    assert done.returncode == 1
    assert done.stdout.startswith(f"schema version {earlier[-1].name[:14]}: is behind")
    assert f"missing: {newest.stem}\n  fix: index-jobs migrate, or on Supabase: " in done.stdout


def test_empty_database_is_reported_with_first_steps(new_database: Any) -> None:
    done = run(new_database(17, "supabase", migrated=False))
    assert done.returncode == 1
    assert "no migration is applied\n  fix: index-jobs migrate" in done.stdout


@pytest.mark.parametrize(
    ("comment", "said"),
    [
        ("schema version 20261125044947", "was made before 0.1.0 and cannot be upgraded"),
        (
            "schema version {}, text 000000000000, serves {}",
            "was made by an earlier form of the unreleased migration {}",
        ),
    ],
)
def test_doctor_repeats_why_migrate_refuses_a_database(
    patient: Any, comment: str, said: str
) -> None:
    newest = migrate.names()[-1]
    comment = comment.format(newest[:14], newest[:14])
    execute(patient.migrator_url, f"comment on schema private is '{comment}'")
    try:
        findings = doctor.examine(patient.migrator_url).findings
        with pytest.raises(migrate.MigrationError) as refused:
            migrate.apply(patient.migrator_url)
    finally:
        execute(patient.migrator_url, versions.of_migrations(migrate.forward_files())[newest].line)
    assert [finding.problem for finding in findings] == [said.format(newest)]
    assert str(refused.value) == f"the database {findings[0].problem}: {findings[0].remedy}"


def test_newer_database_and_lost_version_are_reported(patient: Any) -> None:
    execute(patient.migrator_url, "comment on schema private is 'schema version 29991231235959'")
    assert examine(patient) == [("schema version", "29991231235959")]
    execute(patient.migrator_url, "comment on schema private is null")
    (finding,) = doctor.examine(patient.migrator_url).findings
    assert finding.check == "schema version"
    execute(patient.migrator_url, finding.remedy)
    assert examine(patient) == []


def test_unreachable_database_is_an_error_and_not_a_finding() -> None:
    done = subprocess.run(
        [INDEX_JOBS, "doctor", "--database-url", "postgresql://a:b@127.0.0.1:1/c"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "nothing answers at 127.0.0.1 port 1" in done.stderr
