"""PgBouncer between the API and its database, as the page says."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable

import pytest

from tests.support.ports import kept_port

from .conftest import Shell, blocks

INSTALL = "pgbouncer is missing; install it: apt-get install pgbouncer"


def test_api_works_through_a_transaction_pooler(shell: Callable[..., Shell], major: int) -> None:
    if shutil.which("pgbouncer") is None:
        pytest.fail(INSTALL)
    kinds, texts = zip(*blocks("Poolers"), strict=True)
    assert kinds == ("ini", "sh", "sh")
    configuration, start, api = texts
    with kept_port() as port, kept_port() as api_port:
        here = shell(major, {"6432": str(port)})
        here.write(configuration)
        here.run(start, lent=True)
        try:
            url = f"http://127.0.0.1:{api_port}"
            with here.api(api, url, PORT=str(api_port)) as client:
                for number in range(20):
                    made = client.post("/index", json={"repository": f"a/b{number}"})
                    assert made.status_code == 202
                    assert client.get(made.headers["location"]).status_code == 200
                assert len(client.get("/jobs").json()["jobs"]) == 20
                said = (here.folder / "pgbouncer.log").read_text()
                assert "login attempt: db=app user=app_api" in said
        finally:
            os.kill(int((here.folder / "pgbouncer.pid").read_text()), signal.SIGINT)
