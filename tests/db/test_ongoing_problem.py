"""Problems that last are logged without repetition."""

from __future__ import annotations

import pytest

from db.tools.logs import get_logger
from db.tools.ongoing_problem import OngoingProblem


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    found = [record.getMessage() for record in caplog.records]
    caplog.clear()
    return found


def test_a_trouble_is_told_when_it_begins_when_its_reason_changes_and_when_it_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    problem = OngoingProblem(get_logger("test"), "no way", "a way again")
    problem.resolve()
    assert told(caplog) == []
    problem.report("dark")
    problem.report("dark")
    assert len(told(caplog)) == 1
    problem.report("cold")
    assert len(told(caplog)) == 1
    problem.resolve()
    problem.resolve()
    assert len(told(caplog)) == 1


def test_it_is_told_again_as_long_as_it_lasts(caplog: pytest.LogCaptureFixture) -> None:
    problem = OngoingProblem(get_logger("test"), "no way", "a way again", every=0)
    for _ in range(3):
        problem.report("dark")
    assert len(told(caplog)) == 3
