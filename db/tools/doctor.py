"""Compares a database with what this release makes of one, and says how to mend each difference.

Only what belongs to this schema is looked at: objects that others added are theirs, unless they
open a door (a grant, a policy, a trigger or a rule on one of our objects, a second function of the
same name, and what exposure.py looks for).
Nothing is changed; any login that owns the database will do.
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
    "write all functions and policies as this release has them: "
    'index-jobs doctor --sql | psql "$DATABASE_URL"'
)

_OPEN_DOORS = frozenset({"grant", "membership", "policy", "function", "trigger", "rule"})


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was found in a database at that schema version on that server."""

    server: str
    version: str | None
    findings: tuple[Finding, ...]
    advice: tuple[Finding, ...] = ()
    """What may be intended; not a fault of the database."""


def examine(url: str, api_url: str | None = None) -> Diagnosis:
    """Looks at the database, and at the login of the HTTP layer when there is an `api_url`.

    Raises ConnectError when the database cannot be reached.
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
            f"is older than Postgres {migrate.OLDEST_SERVER}, the oldest that is tested",
            "upgrade the server",
        )


def _version(found: SchemaVersion | None, there: bool) -> Finding | None:
    """Whether it is the schema of this release; `there` when the database has our tables."""
    newest = versions.of_migrations(migrate.forward_files())[migrate.names()[-1]]
    version = found.number if found else "none"
    if found is None and there:
        problem = "schema private has lost the comment that says which migration was the newest"
        remedy = newest.line
    elif found is None:
        problem = "no migration is applied"
        remedy = "index-jobs migrate, or on Supabase: supabase db push"
    elif obstacle := migrate.obstacle(found):
        problem, remedy = obstacle.problem, obstacle.remedy
    elif version < newest.number:
        names = ", ".join(name for name in migrate.names() if name[:14] > version)
        problem = f"is behind this release, which goes on to {newest.number}; missing: {names}"
        remedy = (
            "index-jobs migrate, or on Supabase: index-jobs supabase install DIR, then "
            "supabase db push. The rest is compared once it is there"
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
                    have.kind, have.name, "was added; no migration makes it", _sql(have.unmake)
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
    return f"take the change back by hand, so that it is again: {_words(want)}"


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
    """What the login of this connection may do that the HTTP layer's must not."""
    name, powers, _ = _login(connection)
    if not powers:
        return None
    return Finding(
        "login",
        name,
        f"may do more than the HTTP layer needs: it {', '.join(powers)}",
        "make one of its own for API_DATABASE_URL: create role app_api login password '…'; "
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
        return (Finding("login", "API_DATABASE_URL", f"is of no use: {error}", "correct it"),)
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
    "cancel_overdue": "its user asked to cancel it, and it runs on",
    "lease_expired": "its worker let the lease run out",
    "retry_overdue": "nobody has claimed its next attempt",
    "silent": "its worker gives no sign of life",
    "unclaimed": "nobody has claimed it",
}


def _stuck_jobs(connection: psycopg.Connection[TupleRow]) -> Iterator[Finding]:
    """The oldest stuck jobs, read as service_role; what that takes is rolled back."""
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
            "use the login that migrates, or another one that may become service_role",
        )
        return
    for row in rows:
        yield Finding(
            "stuck job", row["id"], f"{_STATES[row['kind']]}, since {row['since']}", _free(row)
        )


def _become_service_role(connection: psycopg.Connection[TupleRow]) -> None:
    """Takes the role, allowing itself to if need be, until the transaction ends."""
    try:
        with connection.transaction():
            connection.execute("set local role service_role")
    except psycopg.errors.InsufficientPrivilege:
        connection.execute("grant service_role to current_user")
        connection.execute("set local role service_role")


def _free(row: dict[str, Any]) -> str:
    if row["queue_job"]:
        first = f"look for job {row['queue_job']} in the queue that runs it"
    elif row["kind"] == "silent":
        first = f"look after its worker {row['worker_id'] or '(it gave no name)'}"
    else:
        first = "start a runner (index-jobs serve, or any worker that calls claim_index_job)"
    if row["kind"] == "retry_overdue":
        return f"{first}; or have its owner cancel it"
    return (
        f"{first}; or give the job up, as service_role: public.update_job_status("
        f"p_job_id => '{row['id']}', p_status => 'failed', "
        """p_metadata => '{"error": "The worker was lost. Please start the job again."}', """
        f"p_attempt => {row['attempt']});"
    )
