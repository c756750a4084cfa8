"""Nothing that is declared in SQL goes without a pgTAP file."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]


def untested(declared: Path, tests: Path) -> list[str]:
    return [
        file.name
        for file in sorted(declared.glob("*.sql"))
        if not any(tests.glob(f"test_{file.stem}*.sql"))
    ]


def test_every_function_has_a_file_of_tests() -> None:
    assert untested(ROOT / "db/functions", ROOT / "tests/sql") == []


def test_every_helper_has_a_file_of_tests() -> None:
    helpers = untested(ROOT / "db/functions/private", ROOT / "tests/sql/private")
    assert helpers == ["clock.sql"]  # pgTAP files have a clock of their own: see test_clock.py


def test_every_policy_file_has_a_file_of_tests() -> None:
    assert untested(ROOT / "db/policies", ROOT / "tests/sql/policies") == []
