"""Two servers on one database: ours, and a real PostgREST behind Supabase's path."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import psycopg
import pytest

from tests.api.conftest import JWT_SECRET, serve
from tests.rest.cases import REPOSITORY
from tests.support import postgrest

ALICE = "00000000-0000-4000-8000-0000000000a1"
BOB = "00000000-0000-4000-8000-0000000000b0"


def token(secret: str = JWT_SECRET, **claims: Any) -> str:
    """Returns alice's token, valid for an hour. `changes` replace claims; None removes one."""
    usual = {
        "sub": ALICE,
        "role": "authenticated",
        "aud": "authenticated",
        "exp": int(time.time()) + 3600,
    }
    kept = {name: value for name, value in (usual | claims).items() if value is not None}
    return jwt.encode(kept, secret)


@dataclass(frozen=True)
class Both:
    """The URLs of our server and of PostgREST, and their common database."""

    ours: str
    postgrest_url: str
    database_url: str
    job: str
    """One of alice's pending jobs."""

    @contextmanager
    def sql(self) -> Iterator[psycopg.Connection]:
        """Yields a superuser's connection."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            yield connection


@pytest.fixture(scope="module")
def both(clusters: Callable[[int], Any]) -> Iterator[Both]:
    """One database per module, with the users of the schema tests, a job and probe functions."""
    cluster = clusters(18)
    with cluster.database("ordinary", migrated=True) as place:
        with psycopg.connect(place.url, autocommit=True) as connection:
            connection.execute("select tests.arrange_cast()")
            row = connection.execute("select tests.job_for(%s)", (REPOSITORY,)).fetchone()
            assert row is not None
            connection.execute(Path(__file__).with_name("probes.sql").read_bytes())
        with (
            serve(place) as api,
            postgrest.run(cluster.server, place.name, JWT_SECRET) as postgrest_url,
        ):
            yield Both(api.url, postgrest_url, place.url, str(row[0]))


def headers_of(who: str) -> dict[str, str]:
    """Returns the headers of this caller."""
    tokens = {
        "alice": token(),
        "bob": token(sub=BOB),
        "anon": token(role="anon", sub=None, aud=None),
        "no role": token(role=None, sub=None),
        "service": token(role="service_role", sub=None, aud=None),
        "expired": token(exp=int(time.time()) - 60),
        "just expired": token(exp=int(time.time()) - 2),
        "forged": token("another secret that is more than 32 bytes long"),
        "unsigned": jwt.encode({"sub": ALICE, "role": "authenticated"}, None, algorithm="none"),
        "not yet": token(nbf=int(time.time()) + 1000),
        "wrong audience": token(aud="others"),
        "no audience": token(aud=None),
        "no end": token(exp=None),
        "no user": token(sub=None),
        "unknown role": token(role="nobody"),
        "no token": "a.b.c",
    }
    others: dict[str, dict[str, str]] = {
        "nobody": {},
        "publishable key": {
            "apikey": "sb_publishable_x",
            "Authorization": "Bearer sb_publishable_x",
        },
        "secret key": {"apikey": "sb_secret_x", "Authorization": "Bearer sb_secret_x"},
        "opaque key": {"apikey": "x", "Authorization": "Bearer x"},
        "basic": {"Authorization": "Basic YTpi"},
        "apikey alone": {"apikey": tokens["alice"]},
        "signed in with a publishable key": {
            "apikey": "sb_publishable_x",
            "Authorization": f"Bearer {tokens['alice']}",
        },
    }
    return others[who] if who in others else {"Authorization": f"Bearer {tokens[who]}"}
