"""Runs the five-line examples in docs/http.md that follow a job: curl, supabase-js, Python."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import Api, Job, Tenant, serve
from tests.rest.conftest import token
from tests.support.blocks import blocks, section
from tests.support.ports import kept_port
from tests.support.waiting import PATIENCE, until

HTTP = (Path(__file__).parents[2] / "docs/http.md").read_text()


def lines(language: str) -> str:
    """Returns the block in this language under the heading."""
    (block,) = blocks(section(HTTP, "In five lines"), language)
    return block


class Running:
    """A program that follows the job, with its output."""

    def __init__(self, process: subprocess.Popen[str], output: Path) -> None:
        self._process, self._output = process, output

    @property
    def said(self) -> str:
        return self._output.read_text()

    def sees(self, text: str) -> None:
        until(lambda: text in self.said or self._process.poll() is not None)
        assert text in self.said

    def end(self) -> None:
        assert self._process.wait(PATIENCE) == 0, self.said


@contextmanager
def running(
    command: list[str], folder: Path, api: Api, job: Job, user: Tenant
) -> Iterator[Running]:
    access = token(sub=user.id, exp=int(time.time()) + 3600)
    output = folder / "said"
    with output.open("w") as said:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={
                "PATH": os.environ["PATH"],
                "API_URL": api.url,
                "JOB": job.id,
                "API_KEY": user.key,
                "TOKEN": access,
                "ANON_KEY": token(role="anon"),
                "PYTHONUNBUFFERED": "1",
            },
            stdout=said,
            stderr=subprocess.STDOUT,
            text=True,
        )
    try:
        yield Running(process, output)
    finally:
        process.kill()
        process.wait()


def test_curl(api: Api, alice: Tenant, job: Job, tmp_path: Path) -> None:
    with running(["bash", "-c", lines("sh")], tmp_path, api, job, alice) as it:
        it.sees('"to_status":"pending"')
        job.begin()
        it.sees('"to_status":"processing"')
        job.complete()
        it.end()
    assert re.findall("^id: (.*)$", it.said, re.M) == ["1", "2", "3"]


def test_curl_resumes_after_a_server_outage(clusters: Callable[[int], Any], tmp_path: Path) -> None:
    with (
        clusters(18).database("ordinary", migrated=True) as place,
        kept_port() as port,
        serve(place, port=port) as first,
    ):
        alice = first.tenant()
        job = Job(first, alice)
        with running(["bash", "-c", lines("sh")], tmp_path, first, job, alice) as it:
            it.sees('"to_status":"pending"')
            first.stop()
            first.thread.join(PATIENCE)
            job.begin()
            with serve(place, port=port):
                it.sees('"to_status":"processing"')
                job.complete()
                it.end()
    assert re.findall("^id: (.*)$", it.said, re.M) == ["1", "2", "3"]


def test_supabase_js(application: Path, api: Api, alice: Tenant, job: Job) -> None:
    socket = 'import { WebSocket } from "ws";\nglobalThis.WebSocket ??= WebSocket; // Node 20\n'
    (application / "five_lines.mjs").write_text(socket + lines("js"))
    with running(["node", "five_lines.mjs"], application, api, job, alice) as it:
        it.sees("pending")
        job.begin()
        it.sees("processing")
        job.complete()
        it.end()
    assert "completed" in it.said


def test_python(api: Api, alice: Tenant, job: Job, tmp_path: Path) -> None:
    with running([sys.executable, "-c", lines("python")], tmp_path, api, job, alice) as it:
        it.sees("pending")
        job.begin()
        it.sees("processing")
        job.complete()
        it.end()
    assert it.said.split() == ["pending", "processing", "completed"]


@pytest.mark.parametrize("language", ["sh", "js", "python"])
def test_each_example_has_about_five_lines(language: str) -> None:
    assert 5 <= len([line for line in lines(language).splitlines() if line]) <= 7
