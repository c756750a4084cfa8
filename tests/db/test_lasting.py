"""Troubles that last, in the log."""

from __future__ import annotations

import pytest

from db.tools.lasting import Trouble
from db.tools.logs import get_logger


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    found = [record.getMessage() for record in caplog.records]
    caplog.clear()
    return found


def test_a_trouble_is_told_when_it_begins_when_its_reason_changes_and_when_it_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    trouble = Trouble(get_logger("test"), "no way", "a way again")
    trouble.is_over()
    assert told(caplog) == []
    trouble.lasts("dark")
    trouble.lasts("dark")
    assert len(told(caplog)) == 1
    trouble.lasts("cold")
    assert len(told(caplog)) == 1
    trouble.is_over()
    trouble.is_over()
    assert len(told(caplog)) == 1


def test_it_is_told_again_as_long_as_it_lasts(caplog: pytest.LogCaptureFixture) -> None:
    trouble = Trouble(get_logger("test"), "no way", "a way again", every=0)
    for _ in range(3):
        trouble.lasts("dark")
    assert len(told(caplog)) == 3
