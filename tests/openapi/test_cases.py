"""Requests that schemathesis generates get documented answers: 2,000 with --prove."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings

from api.openapi.document import document
from api.openapi.operations import OPERATIONS, Operation
from tests.api.conftest import SERVICE_KEY, Api, serve
from tests.api.test_results import store
from tests.rest.conftest import token

# Cases of an operation, of those that fit the document and of those that do not.
_EACH: Final = 10
_EACH_TO_PROVE: Final = 100
_FUNCTIONS: Final = ("get_job_status", "list_index_jobs", "explain_index_job")


@pytest.fixture(scope="module")
def api(clusters: Callable[[int], Any]) -> Iterator[Api]:
    with clusters(18).database("ordinary", migrated=True) as place, serve(place) as api:
        yield api


@pytest.fixture(scope="module")
def schema() -> Any:
    import schemathesis

    return schemathesis.openapi.from_dict(document("", has_rest=True))


class Seeds:
    """Jobs that are there, keys, and how many cases each operation has had."""

    def __init__(self, api: Api) -> None:
        tenant = api.tenant(limit=1_000_000_000)
        self.jobs = [api.create(tenant), store(api, tenant, repository="a/stored")]
        user = token(sub=tenant.id, exp=int(time.time()) + 3600)
        self.keys = {"user": tenant.key, "service": SERVICE_KEY, "rest": user, "anybody": None}
        self.cases: Counter[str] = Counter()

    def plant(self, case: Any) -> None:
        """Has most cases be about a job, or a function, that there is."""
        name = f"{case.method} {case.path}"
        self.cases[name] += 1
        number = self.cases[name]
        if is_uuid(case.path_parameters.get("job_id")) and number % 4:
            case.path_parameters["job_id"] = self.jobs[number % len(self.jobs)]
        if "function" in case.path_parameters and number % 2:
            case.path_parameters["function"] = _FUNCTIONS[number // 2 % len(_FUNCTIONS)]


@pytest.fixture(scope="module")
def seeds(api: Api) -> Seeds:
    return Seeds(api)


@pytest.mark.parametrize(
    ("operation", "mode"),
    [
        pytest.param(each, mode, id=f"{each.method} {each.path} {mode}")
        for each in OPERATIONS
        for mode in ("positive", "negative")
        if each.access != "anybody" or mode == "positive"  # those have no invalid arguments
    ],
)
def test_each_case_gets_a_documented_response(
    operation: Operation, mode: str, schema: Any, api: Api, seeds: Seeds, proving: bool
) -> None:
    from schemathesis import GenerationMode
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import positive_data_acceptance

    described = schema[operation.path][operation.method]
    key = seeds.keys[operation.access]
    headers = {"Authorization": f"Bearer {key}"} if key else {}

    @settings(
        max_examples=_EACH_TO_PROVE if proving else _EACH,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=not proving,
    )
    @given(case=described.as_strategy(generation_mode=GenerationMode(mode)))
    def answers(case: Any) -> None:
        seeds.plant(case)
        # /status answers 503 while the service fails: here nobody runs the jobs
        excluded = [not_a_server_error] if operation.path == "/status" else []
        # the SQL functions check names, refs and arguments: 422 with the reason
        case.call_and_validate(
            base_url=api.url, headers=headers, excluded_checks=[*excluded, positive_data_acceptance]
        )

    answers()


def test_requested_number_of_cases_was_run(seeds: Seeds, proving: bool) -> None:
    assert sum(seeds.cases.values()) >= (2_000 if proving else 200)


def is_uuid(text: object) -> bool:
    try:
        return isinstance(text, str) and bool(UUID(text))
    except ValueError:
        return False
