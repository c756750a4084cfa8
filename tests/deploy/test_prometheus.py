"""Debian's Prometheus tests the alerts and scrapes two processes of the API."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest
import yaml

from tests.support import loopback
from tests.support.lives import LIVES, STORED
from tests.support.ports import kept_port
from tests.support.waiting import PATIENCE, until

FOLDER = Path(__file__).parents[2] / "docs/deploy/prometheus"
INSTALL = "install it: apt-get install prometheus"
TOKEN = "a-token-of-the-tests"
JOBS = 1_000


def program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.fail(f"{name} is missing; {INSTALL}")
    return path


def test_each_alert_fires_only_in_its_failing_case() -> None:
    tested = subprocess.run(
        [program("promtool"), "test", "rules", "rules.test.yml"],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        check=False,
    )
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_prometheus_accepts_the_configuration(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "p")
    (tmp_path / "p/metrics-token").write_text(TOKEN)
    checked = subprocess.run(
        [program("promtool"), "check", "config", "prometheus.yml"],
        cwd=tmp_path / "p",
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


@contextmanager
def process(command: list[str], log: Path, **environment: str) -> Iterator[None]:
    """Runs a process until the end of the block."""
    with (
        log.open("w") as output,
        subprocess.Popen(
            command,
            env={"PATH": os.environ["PATH"]} | environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as running,
    ):
        try:
            yield
        finally:
            running.terminate()


@contextmanager
def scraped(place: Any, folder: Path) -> Iterator[Callable[[str], dict[tuple[str, str], float]]]:
    """Runs two API processes and a Prometheus that scrapes both. Yields a query function."""
    api = str(Path(sys.executable).with_name("index-jobs"))
    with ExitStack() as stack:
        ports = [stack.enter_context(kept_port()) for _ in range(3)]
        for port in ports[:2]:
            stack.enter_context(
                process(
                    [api, "api"],
                    folder / f"{port}.log",
                    API_DATABASE_URL=place.api_url,
                    METRICS_TOKEN=TOKEN,
                    PORT=str(port),
                )
            )
        shutil.copytree(FOLDER, folder / "p")
        (folder / "p/metrics-token").write_text(TOKEN)
        configuration = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
        configuration["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        targets = [f"127.0.0.1:{port}" for port in ports[:2]]
        configuration["scrape_configs"][0]["static_configs"] = [{"targets": targets}]
        (folder / "p/prometheus.yml").write_text(yaml.safe_dump(configuration))
        stack.enter_context(
            process(
                [
                    program("prometheus"),
                    f"--config.file={folder}/p/prometheus.yml",
                    f"--storage.tsdb.path={folder}/data",
                    f"--web.listen-address=127.0.0.1:{ports[2]}",
                ],
                folder / "prometheus.log",
            )
        )
        client = stack.enter_context(
            loopback.Client(base_url=f"http://127.0.0.1:{ports[2]}", timeout=PATIENCE)
        )

        def query(text: str) -> dict[tuple[str, str], float]:
            """Returns values by instance and the other labels."""
            try:
                answer = client.get("/api/v1/query", params={"query": text})
            except httpx2.ConnectError:  # Prometheus is still starting
                return {}
            return {
                (found["metric"].pop("instance", ""), label_values(found["metric"])): float(
                    found["value"][1]
                )
                for found in answer.json()["data"]["result"]
            }

        until(lambda: sum(query("up").values()) == 2)
        rules = client.get("/api/v1/rules").json()["data"]["groups"][0]["rules"]
        assert {rule["health"] for rule in rules} <= {"ok", "unknown"}
        yield query


def label_values(metric: dict[str, str]) -> str:
    """Returns the metric's own labels, in the form of STORED."""
    return " ".join(metric[name] for name in ("from", "to", "outcome") if name in metric)


def test_counters_of_two_processes_match_the_events_and_survive_a_purge(
    clusters: Callable[..., Any], tmp_path: Path
) -> None:
    with (
        clusters(18, "ordinary").database("ordinary", migrated=True) as place,
        psycopg.connect(place.url, autocommit=True) as connection,
        scraped(place, tmp_path) as query,
    ):
        connection.execute("select tests.arrange_cast()")
        connection.execute(LIVES.format(jobs=JOBS).encode())
        connection.execute("select tests.advance_clock('1 minute')")
        connection.execute("select public.retry_or_fail_stuck_jobs(p_limit => 1000)")
        stored: dict[tuple[str, str], int] = {}
        for name, label, number in connection.execute(STORED.encode()):
            stored[name, label] = number

        def told() -> dict[str, dict[tuple[str, str], float]]:
            names = {name for name, _ in stored}
            by_instance: dict[str, dict[tuple[str, str], float]] = {}
            for name in names:
                for (instance, label), value in query(name).items():
                    if value:
                        by_instance.setdefault(instance, {})[name, label] = value
            return by_instance

        until(lambda: list(told().values()) == [stored, stored])
        assert stored["job_status_transitions_total", "none pending"] == JOBS
        assert {label for name, label in stored if name == "job_attempts_total"} == {
            "completed", "failed", "cancelled", "retry", "handed_back", "lost"
        }  # fmt: skip

        connection.execute("select public.purge_finished_jobs('0', 1000)")
        until(lambda: set(query('jobs{status="completed"}').values()) == {0})
        assert list(told().values()) == [stored, stored]
