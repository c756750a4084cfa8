"""Writes docs/prove.md from the JUnit file of a run.

`python -m tests.support.prove_report FILE [FILE …]`: a test that failed in the first file must have
passed in a later file, from a rerun of the failed tests. The page gives their number.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

DOCUMENT = Path(__file__).parents[2] / "docs/prove.md"
LONG = (
    "tests.lifecycle.test_machine",
    "tests.lifecycle.test_races",
    "tests.faults.",
    "tests.api.test_loop",
    "tests.deploy.test_prometheus",
    "tests.mutants.",
)
TEXT = """# The extended versions of the tests

`make prove` runs every test. It also runs extended versions of some tests of `make test`:

- 400 random lives of a job, of 40 steps each, by hypothesis, and as many for each mutant until it
  is found
- 200 rounds of each race
- 20 kills each of the runner, a parser and git, and freezes
- a soak of 105 rounds
- the largest requests to each route, three times each, none of which may take more than 5 ms of CPU
  in one callback of the event loop
- floods of 8 MB, during which `/health` must answer within 100 ms
- plpgsql_check on every function, on Postgres 15
- promtool on the alerts, and a Prometheus that scrapes two processes during 1,000 jobs
- all changes of the SQL, of which `make test` tries a few
- [the late worker](late-worker.md)

The last run generated this page.

On {day}, {tests:,} tests passed{again}, with no skips, in {minutes:.1f} minutes. Python
{python}, {processors} processors, {machine}.

## Extended tests

| test | seconds |
| --- | --- |
{long}

## Floods

One connection without a key sends 8 MB at once. The table shows how much the memory of the server
grows, and the 99th percentile of calls of `/health` meanwhile.

| flood | MB | ms |
| --- | --- | --- |
{floods}

## Failover

The primary is killed while 8 clients create jobs and 7 workers run them, and its standby promoted
at once. What is between the two takes so long for a round trip, and what is under way is lost with
the primary. Lost is a job that a client had got 202 for and that the promoted server does not have;
the milliseconds are from the first such 202 to the kill. None was made twice, and all that were
there ended.

| replication | 202 before | lost | ms | 202 in all | next 202 after, s | promotion, s |
| --- | --- | --- | --- | --- | --- | --- |
{failover}

## Behind a pooler

The suites of the HTTP layer and of the races once more, through PgBouncer in transaction mode, with
four API processes that get the requests in turn. What is about one process is left out.

| suite | tests | |
| --- | --- | --- |
{pooled}

## Changes of the SQL

`python -m tests.mutants` changes one object or clause of the declared SQL at a time, builds a
database from it and runs the SQL tests until one fails. A change that no test notices is a failure,
unless [equivalents.toml](../tests/mutants/equivalents.toml) lists it with the reason why callers
cannot notice it either. Changes that break the migrations or leave the schema unchanged do not
count.

{changes}

## All tests

| folder | tests | seconds |
| --- | --- | --- |
{folders}
"""


class Case(NamedTuple):
    """A test that passed."""

    module: str
    name: str
    seconds: float
    figures: str
    """The test's own description, in Markdown."""


def main() -> None:
    """Writes the document. Exits with a message when a test failed in every run."""
    suite, *later = (next(ElementTree.parse(file).iter("testsuite")) for file in sys.argv[1:])
    passed_later = {key(case): case for each in later for case in each.iter("testcase")}
    ran = list(cases(suite, passed_later))
    failed = sum(not passed(case) for case in suite.iter("testcase"))
    DOCUMENT.write_text(
        TEXT.format(
            day=suite.attrib["timestamp"][:10],
            tests=len(ran),
            again=f", {failed} of them only when they were run again after a fix" if failed else "",
            minutes=float(suite.attrib["time"]) / 60,
            python=platform.python_version(),
            processors=os.cpu_count(),
            machine=f"{platform.system()} {platform.machine()}",
            long="\n".join(
                f"| {case.name.removeprefix('test_').replace('_', ' ')} | {case.seconds:.1f} |"
                for case in ran
                if case.module.startswith(LONG)
            ),
            floods=figures(ran, "tests.api.test_flood"),
            pooled=figures(ran, "tests.pooled.test_suites"),
            failover=figures(ran, "tests.operations.test_failover_load"),
            changes=figures(ran, "tests.mutants."),
            folders="\n".join(
                f"| `{folder}` | {len(seconds):,} | {sum(seconds):.0f} |"
                for folder, seconds in folders(ran).items()
            ),
        )
    )


def key(case: ElementTree.Element) -> tuple[str, str]:
    """Returns the key that identifies a test across runs."""
    return case.attrib["classname"], case.attrib["name"]


def passed(case: ElementTree.Element) -> bool:
    """Whether a test passed."""
    return all(case.find(kind) is None for kind in ("failure", "error", "skipped"))


def cases(
    suite: ElementTree.Element, later: Mapping[tuple[str, str], ElementTree.Element]
) -> Iterable[Case]:
    """Returns the tests of a run. A later run replaces a failed one."""
    for first in suite.iter("testcase"):
        case = first if passed(first) else later.get(key(first), first)
        if not passed(case):
            sys.exit(f"{case.get('name')} did not pass: there is nothing to report")
        figures = case.find("properties/property[@name='figures']")
        yield Case(
            case.attrib["classname"],
            case.attrib["name"],
            float(case.attrib["time"]),
            "" if figures is None else figures.attrib["value"],
        )


def figures(ran: Iterable[Case], module: str) -> str:
    """Returns the tests' own descriptions in a module."""
    return "\n".join(
        case.figures for case in ran if case.figures and case.module.startswith(module)
    )


def folders(ran: Iterable[Case]) -> dict[str, list[float]]:
    """Returns the total seconds of the tests in each folder."""
    found: dict[str, list[float]] = {}
    for case in ran:
        parts = case.module.split(".")
        found.setdefault("/".join(parts[:2] if len(parts) > 2 else parts[:1]), []).append(
            case.seconds
        )
    return dict(sorted(found.items()))


if __name__ == "__main__":
    main()
