"""The suites of the HTTP layer and of the races pass through PgBouncer and four processes."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[2]
HTTP = ("tests/api", "tests/rest", "tests/openapi")
RACES = ("tests/races", "tests/lifecycle/test_races.py")


@pytest.mark.parametrize(
    ("suite", "at_least"), [(HTTP, 1_150), (RACES, 440)], ids=["HTTP", "races"]
)
def test_suite_passes_through_a_pooler(
    suite: tuple[str, ...],
    at_least: int,
    tmp_path: Path,
    record_property: Callable[[str, str], None],
) -> None:
    report = tmp_path / "report.xml"
    command = [sys.executable, "-m", "pytest", "--pooled", "-q", f"--junit-xml={report}", *suite]
    done = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-20_000:]
    (ran,) = ElementTree.parse(report).iter("testsuite")
    bad = {kind: int(ran.attrib[kind]) for kind in ("failures", "errors", "skipped")}
    assert bad == {"failures": 0, "errors": 0, "skipped": 0}
    passed = int(ran.attrib["tests"])
    assert passed >= at_least
    left_out = [
        (int(n), why) for n, why in re.findall(r"^left out: (\d+) (.*)$", done.stdout, re.M)
    ]
    name = "the HTTP layer" if suite is HTTP else "races"
    lines = [f"| {name} | {passed} | passed |"]
    lines += [f"| {name} | {count} | left out: {why} |" for count, why in left_out]
    record_property("figures", "\n".join(lines))
    print("\n".join(lines))
