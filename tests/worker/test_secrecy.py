"""Whatever a tenant can read of a job reveals nothing about operators or other tenants."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rest.conftest import token
from tests.support import loopback
from tests.support.repositories import commit
from tests.support.waiting import until

from .conftest import Api, Start

IDEMPOTENCY_KEY = "the-key-that-only-bob-has"
HOST = socket.gethostname()
BOB, CAROL, ACME = (f"00000000-0000-4000-8000-0000000000{end}" for end in ("b0", "c0", "e0"))
"""The owner of an organization and a member of it, see tests.arrange_cast."""


def bearer(user: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(sub=user)}"}


class Members:
    """Bob and carol of one organization, and a job that bob created and a runner completed."""

    def __init__(self, api: Api, folder: Path) -> None:
        self.api = api
        with api.sql() as connection:
            connection.execute("select tests.arrange_cast()")
        with loopback.Client(base_url=api.url, headers=bearer(BOB)) as client:
            body = {
                "repository": "acme/app",
                "localPath": str(folder),
                "organization": "acme",
            }
            answer = client.post("/index", json=body, headers={"Idempotency-Key": IDEMPOTENCY_KEY})
            assert answer.status_code == 202, answer.text
            self.job_id = str(answer.json()["jobId"])
        # without polls by bob, who has only 100 per hour
        ended = (
            "select status::text from public.index_jobs where id = %s and completed_at is not null"
        )
        assert until(lambda: api.value(ended, self.job_id)) == "completed"

    def bodies(self) -> Iterator[tuple[str, str]]:
        """Yields each way to read the job, with carol's response. It contains the job's id."""
        job = {"p_job_id": self.job_id}
        with loopback.Client(base_url=self.api.url, headers=bearer(CAROL)) as client:
            for path in (
                f"/jobs/{self.job_id}",
                f"/jobs/{self.job_id}/events",
                f"/jobs/{self.job_id}/explain",
                f"/jobs/{self.job_id}/files",
                f"/jobs/{self.job_id}/skipped",
                f"/jobs/{self.job_id}/symbols",
                "/jobs?organization=acme",
            ):
                answer = client.get(path)
                yield f"GET {path}", f"{answer.headers} {answer.text}"
            for function, arguments in (
                ("get_job_status", job),
                ("get_job_history", job),
                ("explain_index_job", job),
                ("list_index_jobs", {"p_organization_id": ACME}),
            ):
                answer = client.post(f"/rest/v1/rpc/{function}", json=arguments)
                yield f"rpc {function}", f"{answer.headers} {answer.text}"
        with self.api.sql() as connection, connection.transaction():
            tables = connection.execute(
                "select c.oid::regclass::text from pg_class as c"
                " where c.relkind in ('r', 'v', 'm', 'p') and c.relnamespace in"
                " ('public'::regnamespace, 'private'::regnamespace)"
                " and has_any_column_privilege('authenticated', c.oid, 'select')"
            ).fetchall()
            connection.execute(
                "select set_config('request.jwt.claims', %s, true)",
                (json.dumps({"sub": CAROL, "role": "authenticated"}),),
            )
            connection.execute("set local role authenticated")
            for (table,) in tables:
                rows = connection.execute(f"select to_jsonb(t)::text from {table} as t".encode())
                yield f"table {table}", "\n".join(row for (row,) in rows)


@pytest.fixture
def members(start: Start, small_repository: Path) -> Iterator[Members]:
    with start() as api:
        yield Members(api, small_repository)


@pytest.fixture
def small_repository(tmp_path: Path) -> Path:
    commit(tmp_path / "small", {"a.py": "def f(): ...\n"})
    return tmp_path / "small"


def test_job_data_reveals_neither_the_runner_host_nor_another_members_key(members: Members) -> None:
    secrets = {HOST, IDEMPOTENCY_KEY}
    secrets |= set(
        members.api.value("select array_agg(request_hash) from private.idempotency_keys")
    )
    assert members.api.value("select count(*) from private.runners where host = %s", HOST) == 1
    seen = dict(members.bodies())
    assert {way for way, body in seen.items() if members.job_id in body} >= {
        f"GET /jobs/{members.job_id}",
        f"GET /jobs/{members.job_id}/events",
        *(f"GET /jobs/{members.job_id}/{what}" for what in ("files", "skipped", "symbols")),
        "GET /jobs?organization=acme",
        "rpc get_job_status",
        "rpc get_job_history",
        "rpc list_index_jobs",
        "table index_jobs",
        "table index_job_events",
        "table indexed_files",
    }
    assert {way for way, body in seen.items() if any(secret in body for secret in secrets)} == set()
