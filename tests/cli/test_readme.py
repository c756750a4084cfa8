"""Runs the commands of the README for your own Postgres, exactly as printed."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests.support.blocks import blocks, section
from tests.support.databases import Database
from tests.support.ports import kept_port
from tests.support.waiting import until
from tests.support.workspace import PROGRAM, Workspace

ROOT = Path(__file__).parents[2]
PASSWORD = "…"  # the password of all logins in the README


@pytest.fixture
def own(new_database: Callable[..., Database]) -> Iterator[Database]:
    """An empty database. The README's logins are dropped at the end."""
    database = new_database(migrated=False)
    yield database
    with psycopg.connect(database.url, autocommit=True) as connection:
        for login in ("app_api", "app_worker"):
            if connection.execute("select to_regrole(%s)", (login,)).fetchone() != (None,):
                connection.execute(f"drop owned by {login}; drop role {login}")


def typed_blocks(database: Database, port: int) -> list[str]:
    """Returns the section's code with the URL of this database."""
    text = section((ROOT / "README.md").read_text(), "On your own Postgres")
    code = blocks(text, r"\w+")
    place = f"@127.0.0.1:{database.server.port}/{database.name}"
    changes = {
        "postgresql://app_owner:…@db.example.com/app": database.migrator_url,
        "@db.example.com/app": place,
        "on database app to": f"on database {database.name} to",
        ".venv/bin/": f"{PROGRAM.parent}/",
        "HOST=0.0.0.0 PORT=8000": f"HOST=127.0.0.1 PORT={port}",
    }
    for old, new in changes.items():
        assert any(old in block for block in code), old
        code = [block.replace(old, new) for block in code]
    return code


def test_readme_commands_work_on_your_own_postgres(
    own: Database, fresh_workspace: Workspace
) -> None:
    with kept_port() as port:
        migrate, logins, user, api = typed_blocks(own, port)
        typed = f"{migrate}\n{PROGRAM} psql --quiet <<'END'\n{logins}END\n{user}"
        done = subprocess.run(
            ["sh", "-ec", typed],
            cwd=ROOT,
            env=fresh_workspace.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        key = done.stdout.splitlines()[-1]
        server = subprocess.Popen(
            ["sh", "-ec", f"exec env {api}"], cwd=ROOT, env=fresh_workspace.environment
        )
        try:
            here = {"API_URL": f"http://127.0.0.1:{port}", "API_KEY": key}
            job = "00000000-0000-4000-8000-000000000000"
            until(lambda: fresh_workspace.run("status", job, **here).returncode == 3, 60)
        finally:
            server.terminate()
            server.wait()
