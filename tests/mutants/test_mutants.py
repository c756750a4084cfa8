"""Each change of the SQL is detected: all of them with --prove, else a few of each kind."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from db.tools import catalogue
from tests.mutants.databases import Yard
from tests.mutants.equivalents import FILE, Equivalent, complaints, equivalents
from tests.mutants.report import figures
from tests.mutants.sources import Declared, Mutant
from tests.mutants.statements import mutants
from tests.mutants.verdicts import Trial, Verdict
from tests.support.databases import Database

SAMPLES = [  # found manually when no test caught them, and one more of each kind
    r"private/cancel_index_job.*: widen j\.owner_user_id = v_user_id → .* or j\.created_by",
    r"create_index_job.*: flip current_user → session_user",
    r"api_call_function.*: unquote %I → %s in: '%I %s'",
    r"index_jobs_commit_sha_is_a_full_object_id",
    r"policies/index_jobs.*: weaken index_jobs_select_authenticated using → true",
    r"private/cancel_index_job.*: silence .* \(PT403",
    r"api_get_job_status\.sql.*: drop revoke",
    r"api_get_job_status\.sql.*: flip security definer",
    r"get_job_status\.sql.*: widen .* to anon",
]
IN_SERVERS_AND_SUITES = [  # these take seconds each
    r"widen grant job_writer to service_role",
    r"begin_request.*: session .*request\.jwt\.claims",
    r"api_call_function.*: session .*request\.jwt\.claims",
    r"retry_or_fail_stuck_jobs.*: unlock",
    r"purge_finished_jobs.*: unlock",
]
REPLACED = [  # by `create or replace` in an existing database
    r"private/cancel_index_job.*: widen j\.owner_user_id",
    r"private/cancel_index_job.*: flip security definer",
    r"private/cancel_index_job.*: drop set search_path",
    r"policies/index_jobs.*: weaken index_jobs_select_authenticated using",
    r"policies/index_jobs.*: widen index_jobs_select_authenticated to public",
    r"private/cancel_index_job.*: widen .* to anon",
    r"policies/repositories.*: widen .*insert .* to anon",
    r"policies/index_jobs\.sql.*: widen .*select .* to public",
]
BUILT = [
    r"private/cancel_index_job.*: drop revoke",
    r"policies/index_jobs.*: drop create policy",
    r"policies/index_jobs.*: drop grant",
    r"policies/index_jobs.*: widen .* private\.claim_cursor_low to anon",
    r"policies/repositories.*: widen .*: all columns",
    r"functions/private/clock.*: flip security",
    r"record_job_event.*: drop create or replace trigger",
    r"widen grant job_writer to service_role",
]


@pytest.fixture(scope="module")
def declared() -> Declared:
    return Declared()


@pytest.fixture(scope="module")
def every(declared: Declared) -> list[Mutant]:
    return mutants(declared)


@pytest.fixture(scope="module")
def yard() -> Iterator[Yard]:
    with Yard() as yard:
        yield yard


@pytest.fixture(scope="module")
def facts(
    pgtap_databases: Callable[[int, str], Any],
) -> Iterator[Callable[[str], list[tuple[str, ...]]]]:
    """Returns a function that queries the catalog of a migrated database."""
    with psycopg.connect(pgtap_databases(18, "ordinary").url) as connection:
        connection.execute("set search_path = pg_catalog")
        yield lambda query: connection.execute(query.encode()).fetchall()


def test_each_change_is_caught_or_listed_as_equivalent(
    declared: Declared,
    every: list[Mutant],
    yard: Yard,
    request: pytest.FixtureRequest,
) -> None:
    proving = request.config.getoption("--prove")
    chosen = every if proving else [found(every, sample)[0] for sample in SAMPLES]
    trial = Trial(declared, yard)
    if proving:
        trial.check()
    verdicts = trial.verdicts(chosen, jobs=2)
    # record_property would warn about pytest's default JUnit family
    request.node.user_properties.append(("figures", figures(verdicts, equivalents())))
    assert complaints(verdicts, equivalents(), every) == []


def found(every: list[Mutant], pattern: str) -> list[Mutant]:
    matching = [mutant for mutant in every if re.search(pattern, mutant.place)]
    assert matching, pattern
    return matching


def test_reused_database_is_as_before_the_change(
    declared: Declared, every: list[Mutant], yard: Yard
) -> None:
    def facts(database: Database) -> catalogue.Facts:
        with psycopg.connect(database.url) as connection:
            return catalogue.facts(connection)

    def order(database: Database) -> list[Any]:
        with psycopg.connect(database.url) as connection:
            return connection.execute("select nextval('private.claim_cursor_low')").fetchall()

    migrations = declared.migrations()
    with yard.database(migrations, migrations) as database:
        before, first = facts(database), order(database)
    names = set()
    for pattern in REPLACED:
        mutant = found(every, pattern)[0]
        assert mutant.is_replaceable
        change, undo = declared.replacement(mutant), declared.original(mutant)
        with yard.replaced(migrations, change, undo) as database:
            assert facts(database) != before
            assert order(database) == first
        assert facts(database) == before
        names.add(database.name)
    assert len(names) == 1


def test_irreplaceable_changes_are_built(every: list[Mutant]) -> None:
    for pattern in BUILT:
        assert not found(every, pattern)[0].is_replaceable


@pytest.mark.parametrize("pattern", [*SAMPLES, *IN_SERVERS_AND_SUITES])
def test_change_that_once_escaped_is_included(every: list[Mutant], pattern: str) -> None:
    found(every, pattern)


def test_each_definer_is_turned_into_an_invoker(facts: Any, every: list[Mutant]) -> None:
    definers = facts(
        "select p.oid::regproc::text from pg_proc as p where p.prosecdef"
        " and p.pronamespace in ('public'::regnamespace, 'private'::regnamespace)"
    )
    changed = {m.about for m in every if m.what == "security definer → invoker"}
    assert {name for (name,) in definers} == changed


def test_each_policy_is_dropped(facts: Any, every: list[Mutant]) -> None:
    policies = facts("select format('%s %s', p.polrelid::regclass, p.polname) from pg_policy as p")
    dropped = {m.about for m in every if m.kind == "drop" and m.what.startswith("create policy")}
    assert {name for (name,) in policies} == dropped


def test_each_check_is_dropped(facts: Any, every: list[Mutant]) -> None:
    checks = facts(
        "select k.conname from pg_constraint as k where k.contype = 'c'"
        " and k.connamespace in ('public'::regnamespace, 'private'::regnamespace)"
    )
    dropped = " ".join(m.what for m in every if m.kind == "drop")
    assert [name for (name,) in checks if f"constraint {name} check" not in dropped] == []


def test_each_grant_is_revoked(facts: Any, every: list[Mutant]) -> None:
    grants = facts(
        "select c.oid::regclass::text, a.grantee::regrole::text from pg_class as c"
        " cross join aclexplode(c.relacl) as a where c.relnamespace in"
        " ('public'::regnamespace, 'private'::regnamespace) and a.grantee <> c.relowner"
        " union select c.attrelid::regclass::text, a.grantee::regrole::text"
        " from pg_attribute as c cross join aclexplode(c.attacl) as a"
        " where c.attrelid >= 16384"
        " union select p.oid::regproc::text, a.grantee::regrole::text from pg_proc as p"
        " cross join aclexplode(p.proacl) as a where p.pronamespace in"
        " ('public'::regnamespace, 'private'::regnamespace) and a.grantee <> p.proowner"
    )
    dropped = {(m.about, m.what.rsplit(" ", 1)[-1]) for m in every if m.kind == "drop"}
    assert set(grants) - dropped == set()


def test_each_lock_and_raise_is_removed(declared: Declared, every: list[Mutant]) -> None:
    for kind, statement in (
        ("unlock", r"\bfor (?:no key )?(?:update|share)\b|\bpg_(?:try_)?advisory"),
        ("silence", r"\braise\b"),
    ):
        assert lines_of(declared, statement) - lines_changed(every, kind) == set()


def test_each_condition_on_the_caller_is_weakened(declared: Declared, every: list[Mutant]) -> None:
    identity = r"\b(?:user_id|owner_user_id|created_by) = (?:v_|p_|\(select private\.|private\.)"
    assert lines_of(declared, identity) - lines_changed(every, "weaken") == set()


def lines_of(declared: Declared, pattern: str) -> set[tuple[str, int]]:
    """Returns the file and line of each match in functions and policies."""
    return {
        (source.path, number)
        for source in declared.sources()
        if source.path.startswith("db/functions") or source.path.startswith("db/policies")
        for number, line in enumerate(source.sql.splitlines(), 1)
        if re.search(pattern, line.split("--")[0])
        and not re.search(r"\bfor update to\b|^  for ", line)
    }


def lines_changed(every: list[Mutant], kind: str) -> set[tuple[str, int]]:
    return {(m.path, m.line) for m in every if m.kind == kind}


def test_survivor_fails_the_run_unless_listed(every: list[Mutant]) -> None:
    survivor, caught = (Verdict(every[0], "survived"), Verdict(every[1], "caught", "a test"))
    listed = [Equivalent(verdict.mutant.name, "", ("", "")) for verdict in (survivor, caught)]
    assert complaints([survivor, caught], listed[:1], every) == []
    assert [c.split(":")[0] for c in complaints([survivor, caught], [], every)] == [
        "no test noticed"
    ]
    (said,) = complaints([survivor, caught], listed, every)
    assert said.startswith("listed as equivalent, but caught by a test")
    (said,) = complaints([], listed[:1], every[1:])
    assert said.startswith("listed as equivalent, but there is no such change")


def test_at_most_15_equivalents_may_be_listed(tmp_path: Path) -> None:
    entry = '[[equivalent]]\nname = "a"\nreason = "b"\nstates = ["c", "d"]\n'
    (file := tmp_path / "many.toml").write_text(entry * 16)
    with pytest.raises(ValueError, match="16 are listed"):
        equivalents(file)
    file.write_text(entry.replace(', "d"', ""))
    with pytest.raises(ValueError, match="two states"):
        equivalents(file)
    assert len(equivalents(FILE)) <= 15
