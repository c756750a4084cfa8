"""What migrate rejects before it starts, and whether the remedies work."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import psycopg
import pytest
from psycopg import sql

from cli.dev import stack
from cli.dev.stack import Database
from cli.errors import CommandError
from db.tools import backup, doctor, migrate
from db.tools.connection import ConnectError, connect

MAJORS = pytest.mark.parametrize("major", [18, 15])
NUMBERS = count(1)


@dataclass(frozen=True)
class Place:
    """A database with its own owner, on a server with other migrated databases."""

    server: Any
    name: str
    owner: str

    @property
    def url(self) -> str:
        return self.server.url(self.name, self.owner)  # type: ignore[no-any-return]

    def run(self, text: str, *, superuser: bool = True, database: str | None = None) -> None:
        user = "postgres" if superuser else self.owner
        url = self.server.url(database or self.name, user)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(text.encode())

    def prepare(self) -> list[str]:
        """Runs the checks of `index-jobs migrate`."""
        return stack.prepare(Database(self.url, None))

    def refusal(self) -> str:
        with pytest.raises((migrate.MigrationError, CommandError)) as refused:
            self.prepare()
        return str(refused.value)


@pytest.fixture
def place(clusters: Callable[[int], Any]) -> Iterator[Callable[..., Any]]:
    """Creates a database with these options and an owner with these role attributes."""
    made: list[tuple[Any, str, str]] = []

    def make(major: int = 18, role: str = "createrole", options: str = "") -> Place:
        cluster = clusters(major)
        with cluster.database("ordinary", migrated=True):
            pass  # the first owner created the roles
        number = next(NUMBERS)
        name, owner = f"place_{number}", f"Owner {number}"
        server = cluster.server
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute(
                sql.SQL("create role {} login {} password {}").format(
                    sql.Identifier(owner), sql.SQL(role), server.password
                )
            )
            made.append((server, name, owner))
            connection.execute(
                sql.SQL("create database {} owner {} {}").format(
                    sql.Identifier(name), sql.Identifier(owner), sql.SQL(options)
                )
            )
        return Place(server, name, owner)

    yield make
    for server, name, owner in made:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            for database in (name, "index_jobs"):
                connection.execute(
                    sql.SQL("drop database if exists {} with (force)").format(
                        sql.Identifier(database)
                    )
                )
            connection.execute(sql.SQL("drop owned by {}").format(sql.Identifier(owner)))
            connection.execute(sql.SQL("drop role {}").format(sql.Identifier(owner)))


def remedy(said: str, pattern: str) -> str:
    found = re.search(pattern, said)
    assert found, said
    return found[0]


def test_second_owner_can_install_and_back_up_after_the_printed_grant(
    place: Callable[..., Place], tmp_path: Any
) -> None:
    second = place()
    said = second.refusal()
    grant = remedy(said, r"grant .* to .* with admin option$")
    assert grant.count(",") == 6
    second.run(grant)
    assert second.prepare() == migrate.names()
    with connect(second.url) as connection:
        for role in ("job_http", "job_worker"):
            connection.execute(f"create role login_{second.name}_{role} login in role {role}")
            connection.execute(f"drop role login_{second.name}_{role}")
    backup.save(second.url, tmp_path / "saved")
    assert len(migrate.rollback(second.url, len(migrate.names()))) == len(migrate.names())


@MAJORS
def test_owner_without_createrole_migrates_after_the_remedy(
    place: Callable[..., Place], major: int
) -> None:
    second = place(major, role="nocreaterole")
    second.run(
        remedy(second.refusal(), r"grant .* to .* with admin option$|alter role .* createrole$")
    )
    assert second.prepare() == migrate.names()
    assert len(migrate.rollback(second.url, len(migrate.names()))) == len(migrate.names())
    assert second.prepare() == migrate.names()


@pytest.mark.parametrize("major", [15])
def test_createrole_may_grant_any_role_up_to_version_15(
    place: Callable[..., Place], major: int
) -> None:
    assert place(major).prepare() == migrate.names()


def test_login_that_does_not_own_the_database_migrates_after_the_remedy(
    place: Callable[..., Place],
) -> None:
    guest = place(role="superuser")
    guest.run(f"alter database {guest.name} owner to postgres")
    guest.run(f'alter role "{guest.owner}" nosuperuser createrole')
    guest.run(remedy(guest.refusal(), r"alter database .*$"))
    guest.run(remedy(guest.refusal(), r"grant .* to .* with admin option$"))
    guest.run("alter schema public owner to postgres")
    guest.run(remedy(guest.refusal(), r"alter schema .*$"))
    assert guest.prepare() == migrate.names()


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1", "EUC_JP"])
def test_non_utf8_database_is_rejected_and_the_remedy_works(
    place: Callable[..., Place], encoding: str
) -> None:
    other = place(role="superuser", options=f"encoding '{encoding}' locale 'C' template template0")
    said = other.refusal()
    assert f"is in {encoding}, and the schema needs UTF8" in said
    other.run(remedy(said, r"create database .*$"))
    assert Place(other.server, "index_jobs", other.owner).prepare() == migrate.names()


@contextmanager
def unchanged(there: Place) -> Iterator[None]:
    objects = "select count(*), max(oid::bigint) from pg_class"
    schemas = "select array_agg(nspname order by nspname) from pg_namespace"
    with psycopg.connect(there.server.url(there.name), autocommit=True) as connection:
        before = [connection.execute(q.encode()).fetchone() for q in (objects, schemas)]
        yield
        assert before == [connection.execute(q.encode()).fetchone() for q in (objects, schemas)]


TAKEN = {
    "schema private": ("create schema private", "alter schema private rename to ours"),
    "table public.organizations": (
        "create table public.organizations (id integer)",
        "alter table public.organizations rename to ours",
    ),
    "table public.symbols": (
        "create view public.symbols as select 1 as id",
        "alter view public.symbols rename to ours",
    ),
    "type public.job_status": (
        "create type public.job_status as enum ('open')",
        "alter type public.job_status rename to ours",
    ),
    "function public.get_job_status": (
        "create function public.get_job_status(id uuid) returns text return 'open'",
        "alter function public.get_job_status(uuid) rename to ours",
    ),
    "schema auth, without Supabase's table of users": (
        "create schema auth",
        "alter schema auth rename to ours",
    ),
    "table auth.users, whose id is not a uuid": (
        "create schema auth; create table auth.users (id integer primary key)",
        "alter schema auth rename to ours",
    ),
}


@pytest.mark.parametrize("taken", TAKEN)
def test_name_conflict_is_reported_before_any_change(
    place: Callable[..., Place], taken: str
) -> None:
    make, rename = TAKEN[taken]
    there = place(role="superuser")
    there.run(make)
    with unchanged(there):
        said = there.refusal()
    assert f"already has objects with names that this schema needs: {taken}: nothing was" in said
    there.run(rename)
    migrate.check(there.url)


def test_foreign_database_is_left_unchanged_and_the_remedy_works(
    place: Callable[..., Place],
) -> None:
    there = place(role="superuser")
    there.run("create schema private; create table public.repositories (id integer)")
    said = there.refusal()
    assert "schema private, table public.repositories: nothing was changed" in said
    there.run(remedy(said, r"create database [a-z_]+"))
    assert Place(there.server, "index_jobs", there.owner).prepare() == migrate.names()


@pytest.mark.parametrize("owner", ['O"wner x', "user", "Größe"])
def test_remedy_quotes_names_of_logins_and_databases(
    place: Callable[..., Place], owner: str
) -> None:
    there = place(role="superuser")
    name = sql.Identifier(owner).as_string(None)
    there.run(f"create role {name} nologin password '{there.server.password}'")
    there.run(f"create database {name}")
    try:
        there.run(f"revoke connect on database {name} from public")
        url = there.server.url(owner, owner)
        for pattern in (r"alter role .* login", r"grant connect on .*$"):
            with pytest.raises(ConnectError) as refused:
                connect(url)
            there.run(remedy(str(refused.value), pattern))
        connect(url).close()
    finally:
        there.run(f"drop database {name} with (force)")
        there.run(f"drop role {name}")


# --- two installations on one server --------------------------------------------------------------


@dataclass(frozen=True)
class Login:
    """A login of an installation, created by its owner as the README says."""

    place: Place
    name: str

    @property
    def url(self) -> str:
        return self.place.server.url(self.place.name, self.name)  # type: ignore[no-any-return]

    def at(self, other: Place) -> str:
        return self.place.server.url(other.name, self.name)  # type: ignore[no-any-return]


@pytest.fixture
def logins() -> Iterator[Callable[[Place, str], Login]]:
    made: list[Login] = []

    def make(there: Place, role: str) -> Login:
        login = Login(there, f"{there.name}_{role}")
        there.run(
            f"create role {login.name} login password '{there.server.password}' in role {role}"
        )
        there.run(f"grant connect on database {there.name} to {login.name}")
        made.append(login)
        return login

    yield make
    for login in made:
        login.place.run(f"revoke connect on database {login.place.name} from {login.name}")
        login.place.run(f"drop role {login.name}")


@MAJORS
def test_logins_of_one_installation_cannot_connect_to_another(
    place: Callable[..., Place], logins: Callable[[Place, str], Login], major: int
) -> None:
    production, staging = place(major, role="superuser"), place(major, role="superuser")
    production.prepare()
    parts = [logins(production, role) for role in ("job_http", "job_worker", "service_role")]
    staging.prepare()
    for login in parts:
        connect(login.url).close()
        with pytest.raises(ConnectError, match="may not connect"):
            connect(login.at(staging))
    # logins that the second installation creates later cannot connect to the first
    with pytest.raises(ConnectError, match="may not connect"):
        connect(logins(staging, "job_worker").at(production))


def test_existing_rights_to_connect_are_kept(
    place: Callable[..., Place], logins: Callable[[Place, str], Login]
) -> None:
    there = place(role="superuser")
    guest, other = logins(there, "anon"), logins(there, "pg_read_all_data")
    there.run(f"revoke connect on database {there.name} from {guest.name}, {other.name}")
    there.prepare()
    for login in (guest, other):
        connect(login.url).close()


def test_closed_database_keeps_its_rights(
    place: Callable[..., Place], logins: Callable[[Place, str], Login]
) -> None:
    there = place(role="superuser")
    guest = logins(there, "anon")
    there.run(f"revoke connect on database {there.name} from public, {guest.name}")
    there.prepare()
    with pytest.raises(ConnectError, match="may not connect"):
        connect(guest.url)


def test_doctor_names_logins_that_could_connect_and_the_remedy_works(
    place: Callable[..., Place], logins: Callable[[Place, str], Login]
) -> None:
    there, other = place(role="superuser"), place(role="superuser")
    there.prepare()
    own, foreign = logins(there, "job_http"), logins(other, "job_worker")
    assert "connect" not in {each.check for each in doctor.examine(there.url).advice}
    there.run(f"grant connect on database {there.name} to public")
    connect(foreign.at(there)).close()
    (found,) = [each for each in doctor.examine(there.url).advice if each.check == "connect"]
    assert f"{foreign.name} (job_worker)" in found.problem
    there.run(found.remedy.replace("each login of this one", own.name))
    assert "connect" not in {each.check for each in doctor.examine(there.url).advice}
    connect(own.url).close()
    with pytest.raises(ConnectError, match="may not connect"):
        connect(foreign.at(there))
