"""GET /metrics: its contents, who can read it, and counters that never decrease."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as openmetrics_families,
)
from prometheus_client.parser import text_string_to_metric_families

from tests.support import loopback
from tests.support.lives import STORED
from tests.support.pooled import one_process
from tests.support.ports import kept_port

from .conftest import (
    Api,
    Job,
    Tenant,
    Transport,
    avoid_end_of_hour,
    serve,
    serve_over,
)

TOKEN = "a-token-of-the-tests"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}

COUNTERS = tuple(
    f"job_{name}"
    for name in ("status_transitions_total", "attempts_total", "duration_seconds", "wait_seconds")
)


@pytest.fixture(scope="module")
def api(clusters: Callable[[int], Any], transport: Transport) -> Iterator[Api]:
    with (
        clusters(18).database("ordinary", migrated=True) as place,
        serve_over(transport, place, metrics_token=TOKEN) as api,
    ):
        avoid_end_of_hour(place)
        yield api


def samples(text: str) -> dict[tuple[str, str], float]:
    """Returns the samples by name and label values."""
    return {
        (sample.name, " ".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def scrape(api: Api) -> dict[tuple[str, str], float]:
    answer = api.client.get("/metrics", headers=HEADERS)
    assert answer.status_code == 200
    return samples(answer.text)


def counters(found: dict[tuple[str, str], float]) -> dict[tuple[str, str], float]:
    return {key: value for key, value in found.items() if key[0].startswith(COUNTERS)}


def test_missing_metrics_token_gets_401_and_costs_nothing(api: Api, alice: Tenant) -> None:
    assert api.client.get("/metrics").status_code == 401
    answer = api.client.get("/metrics", headers=alice.headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "AUTH_INVALID_KEY")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert api.requests_of(alice) == 0


def test_metrics_get_401_when_no_token_is_configured(own_api: Callable[..., Api]) -> None:
    api = own_api()
    for token in ("None", TOKEN):
        answer = api.client.get("/metrics", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 401


def test_metrics_are_served_as_text_and_openmetrics(api: Api) -> None:
    Job(api, api.tenant()).begin()
    plain = api.client.get("/metrics", headers=HEADERS)
    assert plain.headers["content-type"].startswith("text/plain; version=")
    accept = "application/openmetrics-text; version=1.0.0"
    answer = api.client.get("/metrics", headers=HEADERS | {"Accept": accept})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    families = {family.name for family in openmetrics_families(answer.text)}
    assert {"job_status_transitions", "job_wait_seconds", "http_requests"} <= families


def test_counters_match_the_events_and_survive_a_purge(api: Api) -> None:
    alice = api.tenant()
    jobs = [Job(api, alice) for _ in range(7)]
    worker = "00000000-0000-4000-8000-00000000f0%02d"
    completed, failed, lost, again, back, cancelled, _ = jobs
    for number, job in enumerate(jobs[:-1]):
        job.run("update_job_status(%s, 'processing', '{}', null, %s)", job.id, worker % number)
    completed.complete()
    failed.run("update_job_status(%s, 'failed', '{\"error\": \"it broke\"}', 1)", failed.id)
    lost.run("report_job_progress(%s, 1, p_lease => '0.001 seconds')", lost.id)
    again.run("fail_job_attempt(%s, 1, 'host is down')", again.id)
    back.run("report_job_progress(%s, 1, p_lease => '0')", back.id)
    api.client.delete(cancelled.path, headers=alice.headers)
    cancelled.run("update_job_status(%s, 'cancelled', '{}', 1)", cancelled.id)
    with api.sql() as connection:
        connection.execute("select tests.advance_clock('1 minute')")
        lost.run("retry_or_fail_stuck_jobs()")
        found = scrape(api)
        stored = {(name, label): n for name, label, n in connection.execute(STORED.encode())}
        assert {key: value for key, value in found.items() if key in stored} == stored
        outcomes = ("completed", "failed", "lost", "retry", "handed_back", "cancelled")
        assert all(found["job_attempts_total", outcome] for outcome in outcomes)
        there = connection.execute("select status::text, count(*) from index_jobs group by 1")
        assert {("jobs", status): n for status, n in there}.items() <= found.items()

        ended = "select count(*) from index_jobs where completed_at is not null"
        connection.execute("select public.purge_finished_jobs('0')")
        assert connection.execute(ended.encode()).fetchone() == (0,)
    after = scrape(api)
    assert counters(after) == counters(found)
    assert [after["jobs", status] for status in ("completed", "failed", "cancelled")] == [0, 0, 0]


def test_events_of_an_open_transaction_are_counted_after_its_commit(api: Api) -> None:
    alice = api.tenant()
    job, other = Job(api, alice), Job(api, alice)
    key = ("job_status_transitions_total", "pending processing")
    before = scrape(api).get(key, 0)
    with api.sql() as holder, holder.transaction():
        holder.execute("set local role service_role")
        holder.execute("select public.update_job_status(%s, 'processing')", (job.id,))
        holder.execute("select public.retry_or_fail_stuck_jobs()")  # this folds the log
        other.begin()
        other.run("retry_or_fail_stuck_jobs()")
        assert scrape(api)[key] == before + 1
    assert scrape(api)[key] == before + 2


@one_process("reads what one process counts for itself")
def test_requests_are_counted_by_route_and_waits_do_not_count_as_latency(
    api: Api, alice: Tenant
) -> None:
    job = Job(api, alice)
    before = scrape(api)
    poll = ("GET /jobs/{job_id}", "GET /jobs/{job_id} 200")
    api.get(job.path, alice)
    api.get(job.path, alice, Prefer="wait=1", **{"If-None-Match": 'W/"1"'})
    api.client.request("BREW", "/nowhere")
    after = scrape(api)

    def grown(*key: str) -> float:
        return after[key] - before.get(key, 0)  # type: ignore[index,arg-type]

    assert grown("http_request_seconds_count", poll[0]) == 1
    counted = sum(
        value - before.get(key, 0)
        for key, value in after.items()
        if key[0] == "http_requests_total" and key[1].startswith(poll[0])
    )
    assert counted == 2
    assert not any("BREW" in label or "nowhere" in label for _, label in after)
    assert not any(job.id in label or alice.id in label for _, label in after)


@one_process("reads what one process counts for itself")
def test_quota_refusals_are_counted(api: Api) -> None:
    poor = api.tenant(limit=1)
    before = scrape(api)["job_quota_refusals_total", ""]
    assert [api.get("/jobs", poor).status_code for _ in range(3)] == [200, 429, 429]
    assert scrape(api)["job_quota_refusals_total", ""] == before + 2


@one_process("points one process at no database")
def test_metrics_of_the_process_are_served_without_a_database(api: Api) -> None:
    with serve(
        api.place, api_database_url="postgresql://nobody@127.0.0.1:1/none", metrics_token=TOKEN
    ) as down:
        found = scrape(down)
    assert found["job_metrics_up", ""] == 0
    assert not any(name == "jobs" for name, _ in found)
    assert ("database_calls_waiting", "reads") in found


@one_process("has a port of its own for one process")
def test_metrics_on_their_own_port_need_no_token(api: Api) -> None:
    with kept_port() as port, serve(api.place, metrics_port=port) as own:
        text = loopback.get(f"http://127.0.0.1:{port}/metrics").text
        assert samples(text)["job_metrics_up", ""] == 1
        assert loopback.get(f"http://127.0.0.1:{port}/jobs").status_code == 404
        assert own.client.get("/metrics").status_code == 401
    with pytest.raises(httpx2.ConnectError):
        loopback.get(f"http://127.0.0.1:{port}/metrics")


def test_metric_names_use_base_units_and_only_counters_end_in_total(api: Api) -> None:
    text = api.client.get("/metrics", headers=HEADERS).text
    families = list(text_string_to_metric_families(text))
    assert len({family.name for family in families}) == len(families)
    for family in families:
        assert family.documentation, family.name
        has_total = all(s.name.endswith("_total") for s in family.samples) and family.samples
        assert (family.type == "counter") >= bool(has_total), family.name
        assert not re.search(r"milli|minutes|_ms$|kilo|_mb", family.name)
