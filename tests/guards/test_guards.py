"""Each static guard accepts our code and catches a bad sample."""

from __future__ import annotations

from pathlib import Path

import pytest

from db.tools.stamp.files import ROOT, unreleased
from tests.support.guards import EXCLUDED, PACKAGES, bandit, squawk


def test_unreleased_migrations_and_packages_are_clean() -> None:
    assert squawk(unreleased(ROOT)) == []
    assert bandit(ROOT / package for package in PACKAGES) == []


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("alter table public.t add column rank bigint not null;", "adding-required-field"),
        ("alter table public.t rename column a to b;", "renaming-column"),
        ("alter table public.t add constraint few check (a > 0);", "constraint-missing-not-valid"),
        ("alter table public.t alter column a type text;", "changing-column-type"),
        ("drop table public.t;", "ban-drop-table"),
        ("drop function public.f(uuid);", "ban-drop-function"),
    ],
)
def test_squawk_catches_statements_that_lock_or_break_a_table(
    tmp_path: Path, statement: str, rule: str
) -> None:
    file = tmp_path / "bad.sql"
    file.write_text(f"select 1;\n{statement}\n")
    assert [line.split(":")[0] for line in squawk([file])] == [rule]
    assert squawk([file])[0].endswith(f"({statement})")


def test_table_of_an_earlier_unreleased_file_counts_as_empty(tmp_path: Path) -> None:
    first, second = tmp_path / "1.sql", tmp_path / "2.sql"
    first.write_text("create table public.t (a bigint);\n")
    second.write_text("alter table public.t add constraint few check (a > 0);\n")
    assert squawk([first, second]) == []
    assert len(squawk([second])) == 1


def test_function_that_no_client_can_call_may_be_dropped(tmp_path: Path) -> None:
    file = tmp_path / "dropped.sql"
    file.write_text("drop function private.f(uuid);\n")
    assert squawk([file]) == []


def test_every_excluded_rule_exists_and_would_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This finds misspelled names, which exclude nothing, and obsolete ones."""
    file = tmp_path / "excluded.sql"
    file.write_text(
        "alter table public.t add column small integer;\ncreate index t_a_idx on public.t (a);\n"
    )
    assert squawk([file]) == []
    for rule in list(EXCLUDED):
        with monkeypatch.context() as patch:
            patch.delitem(EXCLUDED, rule)
            assert {line.split(":")[0] for line in squawk([file])} == {rule}


@pytest.mark.parametrize(
    ("code", "rule"),
    [
        ("import subprocess\nsubprocess.run(input(), shell=True)\n", "B602"),
        ("import pickle\npickle.loads(input().encode())\n", "B301"),
        ("query = input()\ntext = f\"select * from t where a = '{query}'\"\n", "B608"),
        ("import yaml\nyaml.load(input())\n", "B506"),
    ],
)
def test_bandit_catches_insecure_code(tmp_path: Path, code: str, rule: str) -> None:
    (tmp_path / "bad.py").write_text(code)
    assert [line.split(": ")[1][:4] for line in bandit([tmp_path])] == [rule]
