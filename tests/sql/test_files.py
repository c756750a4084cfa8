"""Each function and policy has a pgTAP file, and each pgTAP file belongs to one of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEST_FOLDERS = {  # declared files -> their tests
    "db/functions": "tests/sql",
    "db/functions/private": "tests/sql/private",
    "db/policies": "tests/sql/policies",
}
TESTED_ELSEWHERE = {"clock"}  # test databases have a clock that can be set, see test_clock.py
# the users with whom each tenant policy is tested
ALL_USERS = {
    "owner": "tests.act_as(tests.alice())",
    "owner of the organization": "tests.act_as(tests.bob())",
    "member": "tests.act_as(tests.carol())",
    "former member": "tests.act_as(tests.dave())",
    "stranger": "tests.act_as(gen_random_uuid())",
    "no claims": "tests.act_with_claims(null)",
    "garbage claims": """tests.act_with_claims('{"sub": "no uuid\"""",
    "anon": "tests.act_as_anon()",
    "service": "tests.act_as_worker()",
}


def names(folder: str) -> set[str]:
    return {file.stem for file in (ROOT / folder).glob("*.sql")}


@pytest.mark.parametrize(("declared", "tests"), TEST_FOLDERS.items())
def test_each_declared_file_has_a_test_file(declared: str, tests: str) -> None:
    assert {f"test_{name}" for name in names(declared) - TESTED_ELSEWHERE} - names(tests) == set()


@pytest.mark.parametrize(("declared", "tests"), TEST_FOLDERS.items())
def test_each_test_file_is_named_after_a_declared_file(declared: str, tests: str) -> None:
    """test_<name>.sql, or test_<name>_<more>.sql."""
    known = tuple(f"test_{name}_" for name in names(declared))
    unknown = {name for name in names(tests) if not f"{name}_".startswith(known)}
    assert unknown == ({"bootstrap"} if tests == "tests/sql" else set())


@pytest.mark.parametrize("table", sorted(names("db/policies")))
def test_each_policy_is_tested_and_tenant_policies_as_every_user(table: str) -> None:
    text = (ROOT / f"db/policies/{table}.sql").read_text()
    policies = re.findall(
        r"^create policy (\w+) on \S+\s+for (\w+) to (\w+(?:, \w+)*)$", text, re.MULTILINE
    )
    assert len(policies) == text.count("create policy ")
    tests = ROOT / "tests/sql/policies"
    named = re.findall(r"'(\w+)'", (tests / f"test_{table}.sql").read_text())
    for policy, command, role in policies:
        assert policy in named
        if role == "authenticated":
            file = tests / f"test_{table}{'' if command == 'select' else '_writes'}.sql"
            tried = file.read_text()
            assert [who for who, call in ALL_USERS.items() if call not in tried] == [], file.name
