"""Creates and promotes a standby as the page says. A running process then uses it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from tests.support.ports import kept_port
from tests.support.waiting import until

from .conftest import Shell, blocks, status


def test_process_continues_with_the_promoted_standby(
    shell: Callable[..., Shell], major: int
) -> None:
    kinds, texts = zip(*blocks("Failover"), strict=True)
    assert kinds == ("sql", "sh", "sh", "sh")
    login, standby, api, promote = texts
    with kept_port() as port, kept_port() as api_port:
        here = shell(
            major,
            {"db2.example.com:5432": f"127.0.0.1:{port}"},
            wal_level="replica",
            max_wal_senders="4",
        )
        data = here.folder / "standby"
        surroundings = {"PGDATA": str(data), "PGPORT": str(port)}
        here.sql(login)
        here.run(standby, lent=True, **surroundings)
        try:
            url = f"http://127.0.0.1:{api_port}"
            with here.api(api, url, PORT=str(api_port)) as client:
                first = client.post("/index", json={"repository": "a/b"})
                assert first.status_code == 202
                here.run('sleep 0.2; pg_ctl -D "$PGDATA" status', lent=True, **surroundings)
                os.kill(here.server.pid, signal.SIGQUIT)
                until(lambda: status(client) == 503)
                here.run(promote, lent=True, **surroundings)
                until(lambda: status(client) == 200)
                assert client.get(first.headers["location"]).json()["status"] == "pending"
                assert client.post("/index", json={"repository": "a/b"}).status_code == 202
        finally:
            here.run('pg_ctl -D "$PGDATA" -m immediate stop', lent=True, **surroundings)
