"""Compares a database with this release, and says how to fix each difference.

Checks only what belongs to this schema. Other objects are ignored unless they give access to ours:
a grant, a policy, a trigger or a rule on one of our objects, a second function with the same name,
and what exposure.py finds.
Changes nothing. Any login that owns the database can run it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, LiteralString

import psycopg
from psycopg.rows import TupleRow, dict_row

from db.tools import bridges, catalogue, exposure, migrate, reset, versions
from db.tools.catalogue import Fact, Facts
from db.tools.connection import ConnectError, connect, quoted
from db.tools.findings import Finding
from db.tools.versions import SchemaVersion

REWRITE = (
    "recreate all functions and policies of this release: "
    'index-jobs doctor --sql | psql "$DATABASE_URL"'
)

_OPEN_DOORS = frozenset({"grant", "membership", "policy", "function", "trigger", "rule"})


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The findings in a database, with its schema version and server version."""

    server: str
    version: str | None
    findings: tuple[Finding, ...]
    advice: tuple[Finding, ...] = ()
    """Findings that may be intended and are not faults."""


def examine(url: str, api_url: str | None = None) -> Diagnosis:
    """Checks the database and, given `api_url`, the login of the HTTP layer.

    Raises ConnectError if the database cannot be reached.
    """
    with connect(url) as connection:
        found = migrate.version_of(connection)
        info = connection.info
        server = info.parameter_status("server_version") or str(info.server_version)
        findings = tuple(_findings(connection, found))
        advice = tuple(exposure.advice(connection))
    if api_url is not None:
        findings += _api_login(api_url)
    return Diagnosis(server.split()[0], found.number if found else None, findings, advice)


def _findings(
    connection: psycopg.Connection[TupleRow], version: SchemaVersion | None
) -> Iterator[Finding]:
    yield from _server(connection.info.server_version // 10_000)
    found = catalogue.facts(connection)
    there = any(fact.object == "public.index_jobs" for fact in found.values())
    wrong = _version(version, there)
    if wrong:
        yield wrong
    if there and (version is None or not wrong):
        yield from _differences(catalogue.expected(), found, bridges.expected(found))
        yield from exposure.findings(connection, development=reset.made_by(connection) is not None)
    if there:
        yield from _stuck_jobs(connection)


def _server(major: int) -> Iterator[Finding]:
    if major < migrate.OLDEST_SERVER:
        yield Finding(
            "server",
            f"Postgres {major}",
            f"is older than Postgres {migrate.OLDEST_SERVER}, the oldest tested version",
            "upgrade the server",
        )


def _version(found: SchemaVersion | None, there: bool) -> Finding | None:
    """Checks the schema version. `there` means that the database has our tables."""
    newest = versions.of_migrations(migrate.forward_files())[migrate.names()[-1]]
    version = found.number if found else "none"
    if found is None and there:
        problem = "schema private has lost the comment that names the newest migration"
        remedy = newest.line
    elif found is None:
        problem = "no migration is applied"
        remedy = "index-jobs migrate, or on Supabase: supabase db push"
    elif obstacle := migrate.obstacle(found):
        problem, remedy = obstacle.problem, obstacle.remedy
    elif version < newest.number:
        names = ", ".join(name for name in migrate.names() if name[:14] > version)
        problem = f"is behind this release, which is at {newest.number}; missing: {names}"
        remedy = (
            "index-jobs migrate, or on Supabase: index-jobs supabase install DIR, then "
            "supabase db push. The rest is compared after that"
        )
    else:
        return None
    return Finding("schema version", version, problem, remedy)


def _differences(expected: Facts, found: Facts, bridged: Mapping[str, Facts]) -> Iterator[Finding]:
    for name, facts in bridged.items():
        for finding in _differences(facts, {k: f for k, f in found.items() if k in facts}, {}):
            yield replace(finding, remedy=bridges.remedy(name))
        found = {key: fact for key, fact in found.items() if key not in facts}
    objects = {fact.object for fact in expected.values()}
    for key in sorted({*expected, *found}):
        want, have = expected.get(key), found.get(key)
        if want == have:
            continue
        if want is None and have is not None:
            if have.kind in _OPEN_DOORS and have.object in objects:
                yield Finding(
                    have.kind, have.name, "was added; no migration creates it", _sql(have.unmake)
                )
        elif want is not None and have is None:
            remedy = _sql(want.make) if want.make else _by_hand(want)
            yield Finding(want.kind, want.name, "is missing", remedy)
        elif want is not None and have is not None and want.definition != have.definition:
            problem = f"is: {_words(have)}; it should be: {_words(want)}"
            yield Finding(want.kind, want.name, problem, _change(want, have))


def _change(want: Fact, have: Fact) -> str:
    if want.kind == "role":
        attributes = set(want.definition.split()) - set(have.definition.split())
        return _sql(f"alter role {want.name} {' '.join(sorted(attributes))}")
    if want.kind in {"row-level security", "trigger state"} and want.make:
        return _sql(want.make)
    if want.make and have.unmake:
        return _sql(have.unmake, want.make)
    return _by_hand(want)


def _by_hand(want: Fact) -> str:
    if want.kind in {"function", "trigger"} or want.name.startswith("function "):
        return REWRITE
    return f"undo the change by hand, so that it is again: {_words(want)}"


def _words(fact: Fact) -> str:
    return " ".join(fact.definition.split()) or "without options"


def _sql(*statements: str) -> str:
    return " ".join(f"{' '.join(statement.split())};" for statement in statements)


# --- the login of the HTTP layer ----------------------------------------------------------------

_LOGIN: LiteralString = """
select quote_ident(r.rolname) as name,
  case when r.rolsuper then array['is a superuser'] else array_remove(array[
    case when r.rolbypassrls then 'bypasses row-level security' end,
    case when r.rolcreaterole then 'may create roles' end,
    case when exists (
      select from pg_class as c
      where c.oid = to_regclass('public.index_jobs') and pg_has_role(r.oid, c.relowner, 'member')
    ) then 'owns the tables, or may become their owner' end,
    case when exists (
      select from pg_roles as g
      where g.rolname in ('service_role', 'job_worker', 'job_writer', 'job_gateway', 'job_tenant')
        and pg_has_role(r.oid, g.oid, 'member')
    ) then 'may become service_role or job_worker, or a role that owns functions' end
  ], null) end as powers,
  exists (
    select from pg_roles as g where g.rolname = 'job_http' and pg_has_role(r.oid, g.oid, 'usage')
  ) as serves
from pg_roles as r
where r.rolname = session_user
"""


def excess_privileges(connection: psycopg.Connection[TupleRow]) -> Finding | None:
    """Returns the privileges of this login that the HTTP layer's login must not have."""
    name, powers, _ = _login(connection)
    if not powers:
        return None
    return Finding(
        "login",
        name,
        f"may do more than the HTTP layer needs: it {', '.join(powers)}",
        "create a separate login for API_DATABASE_URL: create role app_api login password '…'; "
        f"grant job_http to app_api; grant connect on database {quoted(connection.info.dbname)} "
        "to app_api;",
    )


def _login(connection: psycopg.Connection[TupleRow]) -> tuple[str, list[str], bool]:
    row = connection.execute(_LOGIN).fetchone()
    assert row is not None  # noqa: S101  (every session has a login)
    name, powers, serves = row
    return name, powers, serves


def _api_login(url: str) -> tuple[Finding, ...]:
    try:
        with connect(url) as connection:
            if found := excess_privileges(connection):
                return (found,)
            name, _, serves = _login(connection)
    except ConnectError as error:
        return (Finding("login", "API_DATABASE_URL", f"does not work: {error}", "correct it"),)
    if serves:
        return ()
    return (
        Finding("login", name, "may not execute the api_ functions", f"grant job_http to {name};"),
    )


# --- jobs ---------------------------------------------------------------------------------------

_STUCK: LiteralString = """
select j.id::text, j.attempt, j.worker_id, s.kind, s.since::text as since,
  j.queue_job_id::text as queue_job
from private.stuck_jobs('30 minutes') as s
join public.index_jobs as j on j.id = s.job_id
where s.since < clock_timestamp() - interval '5 minutes'
order by s.since, j.id
limit 20
"""
_STATES = {
    "cancel_overdue": "its user asked to cancel it, but it is still running",
    "lease_expired": "its worker's lease has expired",
    "retry_overdue": "no worker has claimed its next attempt",
    "silent": "its worker sends no heartbeats",
    "unclaimed": "no worker has claimed it",
}


def _stuck_jobs(connection: psycopg.Connection[TupleRow]) -> Iterator[Finding]:
    """Reads the oldest stuck jobs as service_role, and rolls back what that needs."""
    try:
        with connection.transaction(force_rollback=True):
            _become_service_role(connection)
            with connection.cursor(row_factory=dict_row) as cursor:
                rows = cursor.execute(_STUCK).fetchall()
    except psycopg.Error as error:
        yield Finding(
            "stuck jobs",
            "public.index_jobs",
            f"could not be read as service_role: {error.diag.message_primary}",
            "use the login that migrates, or another member of service_role",
        )
        return
    for row in rows:
        yield Finding(
            "stuck job", row["id"], f"{_STATES[row['kind']]}, since {row['since']}", _free(row)
        )


def _become_service_role(connection: psycopg.Connection[TupleRow]) -> None:
    """Sets the role until the transaction ends, after granting it if needed."""
    try:
        with connection.transaction():
            connection.execute("set local role service_role")
    except psycopg.errors.InsufficientPrivilege:
        connection.execute("grant service_role to current_user")
        connection.execute("set local role service_role")


def _free(row: dict[str, Any]) -> str:
    if row["queue_job"]:
        first = f"check job {row['queue_job']} in its queue"
    elif row["kind"] == "silent":
        first = f"check its worker {row['worker_id'] or '(unnamed)'}"
    else:
        first = "start a runner (index-jobs serve, or any worker that calls claim_index_job)"
    if row["kind"] == "retry_overdue":
        return f"{first}, or have its owner cancel it"
    return (
        f"{first}, or fail the job, as service_role: public.update_job_status("
        f"p_job_id => '{row['id']}', p_status => 'failed', "
        """p_metadata => '{"error": "The worker was lost. Please start the job again."}', """
        f"p_attempt => {row['attempt']});"
    )
