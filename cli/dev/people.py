"""The users of the development stack. Each has an API key that is kept between runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

import psycopg

from cli.connection import Connection
from cli.dev.options import Options
from cli.dev.secrets import Secrets
from cli.errors import CommandError
from cli.users import create_api_key, list_api_keys, user_exists


@dataclass(frozen=True)
class Person:
    """A user for development."""

    name: str
    id: str
    tier: str


ALICE = Person("alice", "a11ce000-0000-4000-8000-000000000001", "free")
BOB = Person("bob", "b0b00000-0000-4000-8000-000000000002", "solo")
CAROL = Person("carol", "ca401000-0000-4000-8000-000000000003", "team")
"""The users that `make serve` and `make demo` create."""

DORA = Person("dora", "d04a0000-0000-4000-8000-000000000011", "free")
EMIL = Person("emil", "e3110000-0000-4000-8000-000000000012", "solo")
FAY = Person("fay", "fa900000-0000-4000-8000-000000000013", "team")
"""The users that `make seed` creates."""

ALL = (ALICE, BOB, CAROL, DORA, EMIL, FAY)


def find(connection: Connection, user: str) -> str:
    """Returns the id of an existing user, given the id or the name of one of ALL."""
    user_id = next((person.id for person in ALL if person.name == user), user)
    try:
        UUID(user_id)
    except ValueError:
        names = ", ".join(person.name for person in ALL)
        raise CommandError(f"--user {user} is neither a user id nor one of {names}") from None
    if not user_exists(connection, user_id):
        raise CommandError(
            f"the database has no user {user}; make serve creates alice, bob and carol"
        )
    return user_id


@contextmanager
def translate_errors() -> Iterator[None]:
    """Raises CommandError if the block finds the database empty."""
    try:
        yield
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedFunction):
        raise CommandError("the database is empty: run make serve or make migrate first") from None


def ensure_person(connection: Connection, person: Person, kept: Secrets, options: Options) -> str:
    """Creates the user, with its tier and a working API key. Returns the key."""
    with connection.transaction():
        connection.execute(
            "insert into auth.users (id, email) values (%s, %s) on conflict (id) do nothing",
            (person.id, f"{person.name}@example.com"),
        )
        connection.execute(
            "insert into private.accounts (user_id, tier) values (%s, %s)"
            " on conflict (user_id) do update set tier = excluded.tier",
            (person.id, person.tier),
        )
    key = kept.api_key(options.database_name, person.name)
    usable = {row["key_id"] for row in list_api_keys(connection, person.id) if row["enabled"]}
    if key is None or key.split("_")[1] not in usable:
        key = str(create_api_key(connection, person.id, "development")["api_key"])
        kept.keep_api_key(options.database_name, person.name, key)
    return key
