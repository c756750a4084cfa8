"""Tries each row of the table in docs/security.md with the login that it names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.support.databases import VARIANTS

from .conftest import Arena, opened

TEXT = (Path(__file__).parents[2] / "docs/security.md").read_text()
ROWS = [
    tuple(cell.strip() for cell in line.strip("|").split("|"))
    for line in TEXT.partition("## What an attacker can do")[2].partition("\n## ")[0].splitlines()
    if line.startswith("| ")
][2:]
ALICE, BOB, CAROL = (f"00000000-0000-4000-8000-0000000000{end}" for end in ("a1", "b0", "c0"))
WHO = {  # attacker -> the login, and the user of the claims
    "`anon`": ("test_anon", None),
    "a user of no tenant": ("test_authenticated", ALICE),
    "a fellow member": ("test_authenticated", CAROL),
    "the HTTP layer's login": ("index_jobs_api", None),
    "a worker's login": ("index_jobs_worker", None),
    "the service key": ("test_service_role", None),
}


@pytest.fixture(scope="module", params=VARIANTS, ids=lambda variant: f"{variant[0]}-{variant[1]}")
def arena(clusters: Any, request: pytest.FixtureRequest) -> Iterator[Arena]:
    with opened(clusters, *request.param) as arena:
        yield arena


@pytest.fixture(scope="module")
def job(arena: Arena) -> str:
    """A job that bob created for acme, with an idempotency key and an index."""
    arena.connection.execute(
        "insert into public.indexed_files (repository_id, path, bytes, blob_sha)"
        " values (tests.acme_repository(), 'a.py', 1, repeat('0', 40))"
    )
    with arena.connection.transaction():
        arena.connection.execute("select tests.act_as(tests.bob())")
        job_id = arena.value(
            "select j.id from public.create_index_job("
            "  tests.acme_repository(), p_idempotency_key => 'bobs') as j"
        )
        arena.connection.execute("select tests.act_as_admin()")
    return str(job_id)


def test_each_row_names_an_attacker() -> None:
    assert {row[0] for row in ROWS} == {*WHO}
    assert len(ROWS) > 40


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}: {row[1]}")
def test_attacker_can_do_only_what_is_documented(
    arena: Arena, job: str, row: tuple[str, str, str, str]
) -> None:
    who, _, statement, gets = row
    login, user = WHO[who]
    values = {
        "job": f"'{job}'",
        "repository": "'00000000-0000-4000-8000-000000000002'",
        "user": f"'{BOB}'",
        "claims": f'\'{{"sub": "{BOB}", "role": "authenticated"}}\'',
    }
    query = re.sub(r"(?<!:):([a-z]+)", lambda m: values[m[1]], statement.strip("`"))
    with psycopg.connect(arena.database.url_of(login)) as connection:
        if user:
            claims = f'{{"sub": "{user}", "role": "authenticated"}}'
            connection.execute("select set_config('request.jwt.claims', %s, true)", (claims,))
        try:
            got = "nothing" if connection.execute(query.encode()).rowcount == 0 else "works"
        except psycopg.Error as error:
            got = str(error.sqlstate)
        connection.rollback()
    assert got == gets
