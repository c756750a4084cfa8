"""Saves a database to a file and restores it, without needing a superuser.

Row-level security is forced, so it hides rows from the owner too, and from pg_dump with that login.
During a backup, the owner is a member of service_role, which can read all rows. Each table is
checked before and after, so a file that lacks rows is never kept.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen
from tempfile import TemporaryFile
from typing import IO, Any, LiteralString

import psycopg
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow

from db.local.binaries import client_program
from db.tools import catalogue, lock
from db.tools.connection import connect

_WAIT = timedelta(minutes=2)  # for a running migrator
_API_ROLES = ("anon", "authenticated", "service_role")
_OWNERS = ("job_writer", "job_gateway", "job_tenant")  # roles that own functions
_FILTERED: LiteralString = """
with applying as (
  select p.* from pg_policy as p
  where p.polcmd in ('r', '*') and exists (
    select from unnest(p.polroles) as r (oid) where r.oid = 0 or pg_has_role(r.oid, 'usage'))
)
select format('%I.%I', n.nspname, c.relname) as name, exists (
    select from applying as p where p.polrelid = c.oid and p.polpermissive
      and pg_get_expr(p.polqual, p.polrelid) = 'true')
  and not exists (
    select from applying as p where p.polrelid = c.oid and not p.polpermissive) as is_readable
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and left(n.nspname, 3) <> 'pg_' and row_security_active(c.oid)
order by 1
"""
_OCCUPIED: LiteralString = """
select string_agg(o.name, ', ') from (
  select 'schema ' || n.nspname as name from pg_namespace as n
  where n.nspname in ('auth', 'private', 'yoyo')
  union all
  select c.oid::regclass::text from pg_class as c
  where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm')
) as o
"""
# a line of `pg_restore --list`: number; class oid, oid, kind, schema, name, owner
_ENTRY = re.compile(r"[0-9]+; [0-9]+ [0-9]+ (?P<kind>[A-Z ]+) (?P<name>\S+ .+) (?P<owner>\S+)")


class BackupError(Exception):
    """Says why nothing was saved or restored, and what to do."""


def save(url: str, file: Path) -> None:
    """Writes the database to the file, in pg_dump's custom format. Replaces an existing file.

    Keeps migrators out meanwhile. Raises ConnectError, BinariesError or BackupError, and then
    leaves the file unchanged.
    """
    part = file.with_name(f"{file.name}.part")
    try:
        with (
            _translate_errors(),
            lock.migrator_lock(url, _WAIT),
            connect(url) as connection,
            _reading_all(connection),
        ):
            filtered = _filtered_tables(connection)
            part.touch(0o600)
            command = [client_program("pg_dump"), "--format=custom", "-N", "pg_catalog"]
            # without it pg_dump fails instead of omitting rows
            command += ["--enable-row-security"] if filtered else []
            _run([*command, f"--file={part}"], url)
            if _filtered_tables(connection) != filtered:
                raise BackupError("row-level security changed during the backup: run it again")
        part.rename(file)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _reading_all(connection: Connection[TupleRow]) -> Iterator[None]:
    """Lets the owner read what service_role can read."""
    row = connection.execute("select pg_has_role('service_role', 'usage')").fetchone()
    if row == (True,):
        yield
        return
    connection.execute("grant service_role to current_user")
    try:
        yield
    finally:
        connection.execute("revoke service_role from current_user")


def _filtered_tables(connection: Connection[TupleRow]) -> list[str]:
    """Returns the tables whose policies apply to this login.

    Raises BackupError if they may hide a row: none shows all rows, or a restrictive one applies.
    """
    rows = connection.execute(_FILTERED).fetchall()
    if hidden := [name for name, is_readable in rows if not is_readable]:
        raise BackupError(
            f"row-level security may hide rows of {', '.join(hidden)} from this login: create "
            "a policy for service_role there, for select using (true), or use a login that "
            "bypasses row-level security"
        )
    return [name for name, _ in rows]


def restore(url: str, file: Path) -> None:
    """Restores the file into an empty database, completely or not at all.

    The login owns everything, except functions that belong to the job_ roles. Creates missing
    roles, without logins. Raises ConnectError, BinariesError or BackupError.
    """
    if not file.is_file():
        raise BackupError(f"file {file} does not exist")
    with _translate_errors(), connect(url) as connection:
        row = connection.execute(_OCCUPIED).fetchone()
        if row and row[0]:
            raise BackupError(f"the database is not empty (it has {row[0]}): use an empty one")
        before = "\n".join(
            [*_missing_roles(connection), f"grant {', '.join(_OWNERS)} to current_user;"]
        )
        after = "\n".join(_hand_over(_output(client_program("pg_restore"), "--list", file)))
        _pipe(url, file, before, after, old=connection.info.server_version < 170_000)


def _missing_roles(connection: Connection[TupleRow]) -> Iterator[str]:
    """Returns SQL that creates the roles and memberships that the cluster lacks."""
    there = {name for (name,) in connection.execute("select rolname from pg_roles").fetchall()}
    for role in _API_ROLES:
        if role not in there:
            yield f"create role {role} nologin noinherit;"
    found = catalogue.facts(connection)
    for key, fact in catalogue.expected().items():
        if key not in found and fact.kind == "role":
            yield f"create role {fact.name} {fact.definition};"
    for key, fact in catalogue.expected().items():
        if key not in found and fact.kind == "membership":
            yield f"{fact.make};"


def _hand_over(contents: str) -> Iterator[str]:
    """Returns SQL that gives the listed functions back to the roles that owned them."""
    owners = ", ".join(_OWNERS)
    yield f"grant create on schema public, private to {owners};"
    for line in contents.splitlines():
        entry = _ENTRY.fullmatch(line)
        if entry is None or entry["owner"] not in _OWNERS:
            continue
        if entry["kind"] != "FUNCTION":
            if entry["kind"] in {"ACL", "COMMENT"}:
                continue
            raise BackupError(
                f"{entry['owner']} owns something that is not a function: {entry['name']}"
            )
        yield f"alter function {entry['name'].replace(' ', '.', 1)} owner to {entry['owner']};"
    yield f"revoke create on schema public, private from {owners};"
    yield f"revoke {owners} from current_user;"


def _pipe(url: str, file: Path, before: str, after: str, *, old: bool) -> None:
    """Runs the file's statements between others in one transaction. Raises BackupError."""
    environment, place = _login(url)
    read: list[str | Path] = [client_program("pg_restore"), "--no-owner", "--file=-", file]
    write: list[str | Path] = [
        client_program("psql"),
        "-XqAt",
        "-v",
        "ON_ERROR_STOP=1",
        "-d",
        place,
    ]
    with (
        TemporaryFile() as errors,
        Popen(read, stdout=PIPE, stderr=errors) as reader,
        Popen(write, stdin=PIPE, stdout=DEVNULL, stderr=errors, env=environment) as writer,
    ):
        assert reader.stdout and writer.stdin  # noqa: S101
        with suppress(BrokenPipeError):
            writer.stdin.write(f"begin;\n{before}\n".encode())
            _copy(reader.stdout, writer.stdin, old=old)
            if reader.wait() == 0:
                writer.stdin.write(f"{after}\ncommit;\n".encode())
        with suppress(BrokenPipeError):
            writer.stdin.close()
        if writer.wait():
            reader.kill()
        if writer.returncode or reader.wait():
            errors.seek(0)
            said = errors.read().decode(errors="replace").strip()
            raise BackupError(f"nothing was restored: {said}{_advice(said)}")


def _copy(source: IO[bytes], target: IO[bytes], *, old: bool) -> None:
    """Copies the statements, except one that servers before Postgres 17 do not know."""
    unknown = b"SET transaction_timeout = 0;\n" if old else None
    for line in source:
        if line == unknown:
            unknown = None  # it is in the head; further on it would be data
            continue
        target.write(line)


def _advice(said: str) -> str:
    if role := re.search(r'role "([^"]+)" does not exist', said):
        return f"\nremedy: create role {role[1]} first, then try again"
    return ""


def _login(url: str) -> tuple[dict[str, str], str]:
    """Returns the environment, with the password, and the URL for a client program."""
    given = {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
    password = given.pop("password", None)  # to keep it out of the process list
    environment = os.environ | ({"PGPASSWORD": password} if password else {})
    return environment, psycopg.conninfo.make_conninfo(**given)


def _run(command: list[Any], url: str) -> None:
    environment, place = _login(url)
    done = subprocess.run(
        [*command, "-d", place],
        env=environment,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        raise BackupError(f"nothing was saved: {done.stderr.strip()}")


def _output(*command: Any) -> str:
    done = subprocess.run(
        command, capture_output=True, encoding="utf-8", errors="replace", check=False
    )
    if done.returncode != 0:
        raise BackupError(f"nothing was restored: {done.stderr.strip()}")
    return done.stdout


@contextmanager
def _translate_errors() -> Iterator[None]:
    try:
        yield
    except lock.LockTimeout as error:
        raise BackupError(str(error)) from None
    except psycopg.Error as error:
        raise BackupError(f"this needs the login that owns the database: {error}") from None
