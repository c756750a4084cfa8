"""GET /status for everyone, and GET /admin/load for autoscalers."""

from __future__ import annotations

from tests.support.pooled import one_process

from .conftest import SERVICE_KEY, Api, Job, Tenant, serve

SERVICE = {"Authorization": f"Bearer {SERVICE_KEY}"}


@one_process("is about what one process remembers")
def test_status_is_public_and_cached(api: Api, alice: Tenant) -> None:
    answer = api.client.get("/status")
    passed = {"status": "pass", "database": "pass", "runners": "pass", "waiting": "pass"}
    assert (answer.status_code, answer.json()) == (200, passed)
    assert answer.headers["cache-control"] == "public, max-age=10"
    Job(api, alice)  # a pending job without a runner
    assert api.client.get("/status").json() == passed
    with serve(api.place) as new:
        answer = new.client.get("/status")
    assert answer.status_code == 503
    assert answer.json() == passed | {"status": "fail", "runners": "fail"}


def test_outage_is_reported_as_fail(api: Api) -> None:
    with serve(api.place, api_database_url="postgresql://nobody@127.0.0.1:1/none") as down:
        answer = down.client.get("/status")
    assert answer.status_code == 503
    assert (answer.json()["status"], answer.json()["database"]) == ("fail", "fail")


def test_load_counts_queued_and_running_jobs_of_all_tenants(api: Api) -> None:
    before = api.client.get("/admin/load", headers=SERVICE).json()
    waiting, running = Job(api, api.tenant()), Job(api, api.tenant())
    running.begin()
    with api.sql() as connection:
        connection.execute("select tests.advance_clock('5 seconds')")
    load = api.client.get("/admin/load", headers=SERVICE).json()
    assert load["queued"]["total"] == before["queued"]["total"] + 1
    assert load["running"]["total"] == before["running"]["total"] + 1
    assert min(load["queued"]["oldest"], load["running"]["oldest"]) >= 5
    assert load["slots"] == 0
    assert waiting.id not in str(load)


def test_load_requires_the_service_key(api: Api, alice: Tenant) -> None:
    answer = api.client.get("/admin/load", headers=alice.headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "AUTH_SERVICE_ROLE_REQUIRED")
    assert api.requests_of(alice) == 1
    assert api.client.get("/admin/load").status_code == 401
