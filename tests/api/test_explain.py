"""GET /jobs/{id}/explain over real HTTP."""

from __future__ import annotations

from typing import get_args
from uuid import uuid4

from api.records import JobExplanation, WaitReason

from .conftest import Api


def test_explanation_of_a_waiting_job_names_reason_and_position(api: Api) -> None:
    tenant = api.tenant()
    first, second = api.create(tenant), api.create(tenant)
    with api.sql() as connection:
        connection.execute("delete from private.runners")
    answer = api.get(f"/jobs/{second}/explain", tenant)
    assert answer.status_code == 200
    explained: JobExplanation = answer.json()
    assert set(explained) == set(JobExplanation.__annotations__)
    assert explained["reason"] == "no_runner"
    assert explained["reason"] in get_args(WaitReason)
    assert explained["own_ahead"] == 1
    assert (explained["position"] or 0) >= 1
    assert explained["sentence"].startswith("Waiting: no worker has been seen for 15 seconds, and ")
    assert answer.headers["cache-control"] == "private, no-cache"
    assert "retry-after" not in answer.headers
    with api.sql() as connection:
        connection.execute(
            "select from public.update_job_status(%s, 'failed', '{\"error\": \"it broke\"}')",
            (first,),
        )
    ended = api.get(f"/jobs/{first}/explain", tenant).json()
    assert (ended["reason"], ended["sentence"]) == ("failed", "The job failed: it broke")


def test_times_are_in_utc(api: Api) -> None:
    tenant = api.tenant()
    job_id = api.create(tenant)
    with api.sql() as connection:
        connection.execute(
            "update public.index_jobs set status = 'processing', attempt = 1,"
            " started_at = created_at, retry_at = private.clock() + interval '1 minute'"
            " where id = %s",
            (job_id,),
        )
    explained = api.get(f"/jobs/{job_id}/explain", tenant).json()
    assert explained["reason"] == "retry_at"
    assert explained["until"] == api.get(f"/jobs/{job_id}", tenant).json()["retry_at"]
    assert explained["until"].endswith("+00:00")


def test_foreign_unknown_and_malformed_ids_get_identical_404s(api: Api) -> None:
    job_id = api.create(api.tenant())
    bob = api.tenant()
    paths = [f"/jobs/{other}/explain" for other in (job_id, str(uuid4()), "x", "%00")]
    answers = [api.get(path, bob) for path in (*paths, f"/jobs/{job_id}")]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    assert answers[3].headers["x-ratelimit-remaining"] == "9996"


def test_other_tenants_jobs_only_change_the_position(api: Api) -> None:
    """Alice's second job changes bob's position and nothing else."""
    alice, bob = api.tenant(), api.tenant()
    api.create(alice, repository="alice/secret")
    theirs = api.create(bob)
    before = api.get(f"/jobs/{theirs}/explain", bob)
    other = api.create(api.tenant(), repository="alice/secret")
    after = api.get(f"/jobs/{theirs}/explain", bob)
    for answer in (before, after):
        assert "secret" not in answer.text
        assert alice.id not in answer.text
        assert other not in answer.text
    changed = {name for name, value in before.json().items() if after.json()[name] != value}
    assert changed <= {"position", "sentence"}


def test_explanation_costs_one_request(api: Api) -> None:
    tenant, path = api.tenant(limit=1), f"/jobs/{uuid4()}/explain"
    assert api.get(path, tenant).headers["x-ratelimit-remaining"] == "0"
    assert api.get(path, tenant).status_code == 429
    unknown = {"Authorization": f"Bearer ij_{'0' * 16}_{'0' * 64}"}
    assert api.client.get(path, headers=unknown).status_code == 401
