"""Unmodified clients of Supabase do the same with ours, with `serve`, and with a real PostgREST."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.api.conftest import JWT_SECRET, serve
from tests.rest.conftest import token
from tests.support import postgrest
from tests.support.fetch import node_modules
from tests.support.workspace import new_workspace

SCRIPTS = Path(__file__).with_name("clients")
JOB_NOT_FOUND = ["PT404", "index job not found", None]
EXPECTED: dict[str, Any] = {
    "repository": "a/b",
    "created": ["pending", "main", None],
    "created again": [1, True],
    "got": True,
    "got by GET": True,
    "got single": True,
    "columns": [{"status": "pending", "ref": "main"}],
    "maybe, one": True,
    "maybe, none": None,
    "single, none": [
        "PGRST116",
        "JSON object requested, multiple (or no) rows returned",
        "The result contains 0 rows",
    ],
    "count": 1,
    "count by HEAD": 1,
    "missing job": JOB_NOT_FOUND,
    "another's job": JOB_NOT_FOUND,
    "bad id": ["22P02", 'invalid input syntax for type uuid: "x"', None],
    "bad ref": ["PT422", "invalid_ref"],
    "reused key": ["PT422", "idempotency_key_reused"],
    "unknown function": [
        "PGRST202",
        "Could not find the function public.no_such_function without parameters"
        " in the schema cache",
    ],
    "unknown argument": [
        "PGRST202",
        "Could not find the function public.get_job_status(job) in the schema cache",
    ],
    "write by GET": ["25006", "cannot execute INSERT in a read-only transaction"],
    "worker's function": ["42501", "permission denied for function claim_index_job", None],
    "signed out": ["42501", "permission denied for function get_job_status", None],
    "expired token": "JWT expired",
}
EXPECTED_OF: dict[str, dict[str, Any]] = {
    "list_index_jobs": {
        "listed": [[True], 1],
        "listed by GET": [True],
        "listed by another": [],
    },
    "cancel_index_job": {"cancelled by another": JOB_NOT_FOUND, "cancelled": "cancelled"},
    "explain_index_job": {
        "explained": ["no_runner", 0, None],
        "explained to another": JOB_NOT_FOUND,
    },
    "get_job_history": {
        "history": [
            {"event_no": 1, "to_status": "pending"},
            {"event_no": 2, "to_status": "cancelled"},
        ]
    },
}
Run = Callable[[str, Mapping[str, str]], dict[str, Any]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs one of the scripts with this environment and returns its output."""
    folder = tmp_path_factory.mktemp("clients")
    for script in SCRIPTS.glob("[!p]*.*"):
        shutil.copy(script, folder)
    (folder / "node_modules").symlink_to(node_modules(SCRIPTS))
    node = Path(sys.executable).with_name("node")

    def run(script: str, environment: Mapping[str, str]) -> dict[str, Any]:
        done = subprocess.run(
            [node if script.endswith(".mjs") else sys.executable, script],
            env={"PATH": os.environ["PATH"], **environment},
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        seen: dict[str, Any] = json.loads(done.stdout)
        return seen

    return run


@dataclass(frozen=True)
class Target:
    """A server for the clients, and its database."""

    url: str
    anon_key: str
    jwt_secret: str
    database_url: str


@pytest.fixture(scope="module")
def targets(clusters: Callable[[int], Any]) -> Iterator[Callable[[str], Target]]:
    """Our server and a real PostgREST on one database, and `index-jobs serve`."""
    cluster = clusters(18)
    with ExitStack() as stack:
        place = stack.enter_context(cluster.database("ordinary", migrated=True))
        anon_key = token(role="anon", sub=None, aud=None)

        @cache
        def get(name: str) -> Target:
            if name == "serve":
                return stack.enter_context(_served())
            if name == "PostgREST":
                url = stack.enter_context(postgrest.run(cluster.server, place.name, JWT_SECRET))
            else:
                url = stack.enter_context(serve(place)).url
            return Target(url, anon_key, JWT_SECRET, place.url)

        yield get


@contextmanager
def _served() -> Iterator[Target]:
    with new_workspace() as workspace, workspace.serving(PORT="0", RUNNER_CONCURRENCY="0"):
        env = workspace.dev_env
        yield Target(env["API_URL"], env["ANON_KEY"], env["JWT_SECRET"], env["DEV_DATABASE_URL"])


@pytest.mark.parametrize("script", ["sync.py", "asynchronous.py", "client.mjs"])
@pytest.mark.parametrize("place", ["ours", "serve", "PostgREST"])
def test_client_gets_the_same_results_as_from_supabase(
    run: Run, targets: Callable[[str], Target], place: str, script: str
) -> None:
    seen, functions = _run(run, script, targets(place))
    expected = dict(EXPECTED)
    for function in EXPECTED_OF.keys() & functions:
        expected |= EXPECTED_OF[function]
    assert seen == expected


@pytest.mark.parametrize("script", ["sync.py", "client.mjs"])
def test_publishable_key_works_like_the_anon_key(
    run: Run, targets: Callable[[str], Target], script: str
) -> None:
    ours = replace(targets("ours"), anon_key="sb_publishable_of_some_project")
    seen, _ = _run(run, script, ours)
    assert seen["got"] is True
    assert seen["signed out"] == EXPECTED["signed out"]


def _run(run: Run, script: str, place: Target) -> tuple[dict[str, Any], frozenset[str]]:
    """Returns the results of the script, with its own users, and the existing functions."""
    alice, bob = str(uuid4()), str(uuid4())
    with psycopg.connect(place.database_url, autocommit=True) as connection:
        connection.execute("insert into auth.users (id) values (%s), (%s)", (alice, bob))
        rows = connection.execute(
            "select proname from pg_proc where pronamespace = 'public'::regnamespace"
            " and has_function_privilege('authenticated', oid, 'execute')"
        ).fetchall()
    functions = frozenset(name for (name,) in rows)
    late = int(time.time()) - 60
    environment = {
        "SUPABASE_URL": place.url,
        "SUPABASE_ANON_KEY": place.anon_key,
        "ALICE_TOKEN": token(place.jwt_secret, sub=alice),
        "BOB_TOKEN": token(place.jwt_secret, sub=bob),
        "EXPIRED_TOKEN": token(place.jwt_secret, sub=alice, exp=late),
        "FUNCTIONS": " ".join(functions),
    }
    return run(script, environment), functions
