"""Alerts and dashboard use existing metrics. Each alert has a runbook and test cases."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.api.conftest import Api, serve
from worker.metrics import RunnerMetrics
from worker.runner import Runner
from worker.settings import WorkerSettings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "docs/deploy"
OPERATIONS = (ROOT / "docs/operations.md").read_text()
TOKEN = "a-token-of-the-tests"

RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((DEPLOY / "prometheus/rules.yml").read_text())["groups"]
    for rule in group["rules"]
]
CASES = yaml.safe_load((DEPLOY / "prometheus/rules.test.yml").read_text())["tests"]
PANELS = json.loads((DEPLOY / "grafana/index-jobs.json").read_text())["panels"]
QUERIES = [rule["expr"] for rule in RULES] + [
    target["expr"] for panel in PANELS for target in panel["targets"]
]
WORDS = {
    *("by", "without", "and", "or", "unless", "max", "min", "sum", "time", "rate", "increase"),
    "histogram_quantile",
}


def names(query: str) -> set[str]:
    """Returns the metrics that a query reads."""
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\b(?:by|without) \([^)]*\)", "", query)
    return set(re.findall(r"\b[a-z_]+\b", bare)) - WORDS


@pytest.fixture(scope="module")
def api(clusters: Callable[[int], Any]) -> Iterator[Api]:
    with (
        clusters(18).database("ordinary", migrated=True) as place,
        serve(place, metrics_token=TOKEN) as api,
    ):
        yield api


@pytest.fixture(scope="module")
def exposed(api: Api, tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Every metric name of the API and of its runner."""
    text = api.client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text
    runner = Runner(
        WorkerSettings(
            worker_database_url="postgresql://nobody@127.0.0.1:1/none",
            run_dir=tmp_path_factory.mktemp("run"),
        )
    )
    families = [*text_string_to_metric_families(text), *RunnerMetrics(runner).collect()]
    endings = {
        "counter": ["_total"],
        "gauge": [""],
        "histogram": ["_bucket", "_sum", "_count"],
    }
    return {f"{family.name}{end}" for family in families for end in endings[family.type]}


@pytest.mark.parametrize("query", QUERIES)
def test_queries_use_existing_metrics(query: str, exposed: set[str]) -> None:
    assert names(query)
    assert names(query) - exposed == set()


def test_metric_names_in_a_query_are_found() -> None:
    query = 'sum(max by (table) (job_bytes{table=~"a|b"})) > 100e6 and rate(gone_total[10m]) == 0'
    assert names(query) == {"job_bytes", "gone_total"}


@pytest.mark.parametrize("alert", [rule["alert"] for rule in RULES])
def test_each_alert_has_a_firing_and_a_silent_case(alert: str) -> None:
    expected = [
        bool(each["exp_alerts"])
        for case in CASES
        for each in case["alert_rule_test"]
        if each["alertname"] == alert
    ]
    assert sorted(set(expected)) == [False, True]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_each_alert_has_a_runbook_section_with_commands(rule: dict[str, Any]) -> None:
    page, anchor = rule["annotations"]["runbook"].split("#")
    assert (page, anchor) == ("docs/operations.md", rule["alert"].lower())
    found = re.search(rf"^#### {rule['alert']}\n(.*?)(?=^#|\Z)", OPERATIONS, re.M | re.S)
    assert found, f"docs/operations.md has no section {rule['alert']}"
    assert "```" in found[1]


def test_panels_have_unique_ids_and_positions() -> None:
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in PANELS}
    assert len({panel["id"] for panel in PANELS}) == len(places) == len(PANELS) > 10


def test_every_job_metric_is_documented(exposed: set[str]) -> None:
    listed = set(re.findall(r"^\| `([a-z_]+)(?:\{[a-z, ]+\})?` \|", OPERATIONS, re.M))
    ours = {name for name in exposed if not name.startswith(("process_", "python_"))}
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in ours}
    assert families <= listed
