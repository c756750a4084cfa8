"""Long random lives of jobs, and the database mutants that they detect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from db.tools import stamp

from .machine import Machine, MismatchError, World

LIVES = 400
FUNCTIONS = Path(__file__).parent.parent.parent / "db/functions"


@dataclass(frozen=True)
class Mutant:
    """A change of the text of one function."""

    name: str
    file: str
    old: str
    new: str


MUTANTS = [
    Mutant(
        "no fence for a late worker",
        "private/check_attempt.sql",
        "p_attempt <> p_job.attempt",
        "false",
    ),
    Mutant(
        "no fence after the end of an attempt",
        "private/check_attempt.sql",
        "p_job.retry_at is not null",
        "false",
    ),
    Mutant("no lock", "private/lock_index_job.sql", " for no key update", ""),
    Mutant(
        "now() for the clock", "update_job_status.sql", "private.clock()", "now()"
    ),
    Mutant(
        "terminal to terminal",
        "private/job_transitions.sql",
        "('processing', 'cancelled')",
        "('processing', 'cancelled'), ('completed', 'failed'), ('failed', 'cancelled'),"
        " ('cancelled', 'failed')",
    ),
    Mutant(
        "no event of a failed attempt",
        "private/record_job_event.sql",
        "\n    or old.retry_at is distinct from new.retry_at)",
        ")",
    ),
    Mutant(
        "no event of a new attempt",
        "private/record_job_event.sql",
        "\n    or old.attempt <> new.attempt",
        "\n    and old.attempt = new.attempt",
    ),
    Mutant(
        "attempt not raised",
        "claim_index_job.sql",
        "attempt = j.attempt + 1",
        "attempt = greatest(j.attempt, 1)",
    ),
    Mutant(
        "no backoff",
        "private/end_attempt.sql",
        "p_now + private.retry_delay(p_attempt => j.attempt)",
        "p_now",
    ),
    Mutant(
        "backoff ignored",
        "private/lock_next_job.sql",
        "j.retry_at <= v_now",
        "j.retry_at is not null",
    ),
    Mutant(
        "no turns",
        "private/lock_next_job.sql",
        "right(t.hex, 16)",
        "repeat('0', 16)",
    ),
    Mutant(
        "no look at leases",
        "private/lock_next_job.sql",
        "c.last_value <> v_second",
        "c.last_value > v_second",
    ),
    Mutant(
        "a lost worker keeps its lease",
        "private/stuck_jobs.sql",
        "'lease_expired', j.lease_expires_at",
        "'lease_expired', null::timestamptz",
    ),
    Mutant(
        "cancelling is never forced",
        "private/stuck_jobs.sql",
        "'cancel_overdue', j.cancel_requested_at",
        "'cancel_overdue', null::timestamptz",
    ),
]  # fmt: skip


def live(database: Any, *, lives: int, reproduce: bool) -> None:
    """Runs this many lives of 40 steps each. Raises MismatchError on the first mismatch."""
    world = World(database.url)
    try:
        run_state_machine_as_test(
            lambda: Machine(world),
            settings=settings(
                max_examples=lives,
                stateful_step_count=40,
                report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck),
                phases=(Phase.generate, Phase.shrink) if reproduce else (Phase.generate,),
            ),
        )
    finally:
        world.close()


@pytest.fixture
def proving(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--prove"))


def test_random_job_lives_match_the_model(database: Any, proving: bool) -> None:
    live(database, lives=LIVES if proving else 12, reproduce=True)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_mutant_is_detected(new_database: Callable[[], Any], mutant: Mutant) -> None:
    text = (FUNCTIONS / mutant.file).read_text()
    assert mutant.old in text
    database = new_database()
    with psycopg.connect(database.migrator_url) as connection:
        changed = text.replace(mutant.old, mutant.new)
        connection.execute(stamp.HANDOVER + changed + stamp.HANDBACK)
    with pytest.raises(MismatchError):
        live(database, lives=LIVES, reproduce=False)
