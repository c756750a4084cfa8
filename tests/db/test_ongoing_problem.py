"""Lasting problems are logged without repetition."""

from __future__ import annotations

import pytest

from db.tools.logs import get_logger
from db.tools.ongoing_problem import OngoingProblem


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    found = [record.getMessage() for record in caplog.records]
    caplog.clear()
    return found


def test_problem_is_logged_at_start_change_of_reason_and_end(
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


def test_lasting_problem_is_logged_again_at_intervals(caplog: pytest.LogCaptureFixture) -> None:
    problem = OngoingProblem(get_logger("test"), "no way", "a way again", every=0)
    for _ in range(3):
        problem.report("dark")
    assert len(told(caplog)) == 3
