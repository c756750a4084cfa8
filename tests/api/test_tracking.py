"""JOB_STATUS_TRACKING_ENABLED and its rollout: the job runs, but the answer is the old one."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest
from pydantic import ValidationError

from api.settings import ApiSettings
from tests.support.pooled import one_process

from .conftest import Api, Place, Tenant


def post(api: Api, tenant: Tenant) -> dict[str, str]:
    answer = api.client.post("/index", json={"repository": "a/b"}, headers=tenant.headers)
    assert answer.status_code == 202
    body: dict[str, str] = answer.json()
    assert ("location" in answer.headers) == ("jobId" in body)
    return body


@one_process("is about the runner in the same process")
def test_disabled_tracking_returns_the_run_id_and_still_runs_the_job(
    own_api: Callable[..., Api],
) -> None:
    api = own_api(job_status_tracking_enabled=False)
    tenant = api.tenant()
    body = post(api, tenant)
    assert list(body) == ["runId"]
    assert api.get(f"/jobs/{UUID(body['runId'])}", tenant).json()["status"] == "pending"
    assert api.kicks == [None]


def test_rollout_reaches_its_share_and_always_the_same_users(
    own_api: Callable[..., Api], database: Place
) -> None:
    part = own_api(database, job_status_tracking_percent=30)
    more = own_api(database, job_status_tracking_percent=60)
    tenants = [part.tenant() for _ in range(60)]
    new = [tenant for tenant in tenants if "jobId" in post(part, tenant)]
    assert 5 <= len(new) <= 35
    assert [tenant for tenant in tenants if "jobId" in post(part, tenant)] == new
    assert all("jobId" in post(more, tenant) for tenant in new)


@pytest.mark.parametrize("percent", [-1, 101])
def test_rollout_share_must_be_a_percentage(percent: int) -> None:
    with pytest.raises(ValidationError):
        ApiSettings(job_status_tracking_percent=percent)
