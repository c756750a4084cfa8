"""nginx in front of the API, as the page says."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable

import pytest

from tests.support import loopback
from tests.support.ports import kept_port

from .conftest import Shell, blocks

INSTALL = "nginx is missing; install it: apt-get install nginx-light"


def test_api_works_behind_a_proxy(shell: Callable[..., Shell], major: int) -> None:
    if shutil.which("nginx") is None:
        pytest.fail(INSTALL)
    kinds, texts = zip(*blocks("Behind a proxy"), strict=True)
    assert kinds == ("sh", "nginx", "sh")
    api, configuration, start = texts
    with kept_port() as port, kept_port() as api_port:
        here = shell(major, {"8321": str(api_port), "8080": f"127.0.0.1:{port}"})
        here.changes["http://127.0.0.1:127.0.0.1"] = "http://127.0.0.1"  # type: ignore[index]
        here.folder.chmod(0o755)
        direct = f"http://127.0.0.1:{api_port}"
        url = here.server.url("app", "app_api", "secret")
        with here.api(api, direct, API_DATABASE_URL=url) as client:
            here.write(configuration)
            try:
                assert '"ready"' in here.run(start)
                proxied = f"http://127.0.0.1:{port}/jobs-api"
                with loopback.Client(headers=client.headers, timeout=30) as outside:
                    made = outside.post(f"{proxied}/index", json={"repository": "a/b"})
                    assert made.headers["location"].startswith("/jobs-api/jobs/")
                    job = f"http://127.0.0.1:{port}{made.headers['location']}"
                    assert outside.get(job).json()["status"] == "pending"
                    etag = outside.get(job).headers["etag"]
                    begun = time.monotonic()
                    waited = outside.get(job, headers={"If-None-Match": etag, "Prefer": "wait=1"})
                    assert waited.status_code == 304
                    assert time.monotonic() - begun >= 1
                    with outside.stream(
                        "GET", f"{job}/events", headers={"Accept": "text/event-stream"}
                    ) as stream:
                        assert any(line.startswith("event:") for line in stream.iter_lines())
                    for _ in range(50):  # on connections that nginx keeps open
                        made = outside.post(f"{proxied}/index", json={"repository": "a/b"})
                        assert made.status_code == 202
            finally:
                os.kill(int((here.folder / "nginx.pid").read_text()), signal.SIGQUIT)
