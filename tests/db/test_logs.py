"""Logs have fields in JSON, and no secrets."""

from __future__ import annotations

import json
import logging
from contextvars import copy_context
from typing import Any

import pytest

from db.tools.logs import Formatter, bind, bind_only, get_logger, without_secrets

API_KEY = f"ij_{'a' * 16}_{'b' * 64}"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


def logged(caplog: pytest.LogCaptureFixture) -> dict[str, Any]:
    """Returns the only line logged."""
    (record,) = caplog.records
    line: dict[str, Any] = json.loads(Formatter().format(record))
    return line


def test_extra_fields_are_members_of_the_json_line(caplog: pytest.LogCaptureFixture) -> None:
    get_logger("api.tests").warning("refused", status=503, job_id=None)
    line = logged(caplog)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "refused",
        "level": "warning",
        "logger": "api.tests",
        "status": 503,
        "job_id": None,
    }


def test_bound_fields_are_in_every_line_of_the_task(caplog: pytest.LogCaptureFixture) -> None:
    def log() -> dict[str, Any]:
        bind(request_id="r1", user_id="u1")
        bind(user_id="u2")
        logging.getLogger("library").error("failed")
        return logged(caplog)

    line = copy_context().run(log)
    assert (line["request_id"], line["user_id"]) == ("r1", "u2")


def test_new_request_drops_the_fields_of_the_previous_one(caplog: pytest.LogCaptureFixture) -> None:
    def log() -> dict[str, Any]:
        bind(user_id="u1")
        bind_only(request_id="r2")
        get_logger("api.tests").error("failed", request_id="r3")
        return logged(caplog)

    line = copy_context().run(log)
    assert line["request_id"] == "r3", "the field of the call wins"
    assert "user_id" not in line


@pytest.mark.parametrize("library", ["psycopg.pool", "uvicorn.error"])
def test_library_records_have_the_same_format(
    library: str, caplog: pytest.LogCaptureFixture
) -> None:
    extra = {"color_message": "no connection to \x1b[1m%s\x1b[0m"}  # uvicorn's, for terminals
    logging.getLogger(library).error("no connection to %s", "h", extra=extra)
    line = logged(caplog)
    assert line.pop("timestamp")
    assert line == {"event": "no connection to h", "level": "error", "logger": library}


def test_exception_is_one_line_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise ValueError("postgresql://u:pass@h/d")
    except ValueError:
        get_logger("api.tests").exception("failed")
    (record,) = caplog.records
    assert "\n" not in Formatter().format(record)
    assert "ValueError: postgresql://u:***@h/d" in logged(caplog)["exception"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://u:s3cret@h/d", "postgresql://u:***@h/d"),
        ("https://token:s3cret@host/a.git", "https://token:***@host/a.git"),
        ("host=h password=s3cret user=u", "host=h password=*** user=u"),
        (f"key {API_KEY}.", f"key ij_{'a' * 16}_***."),
        ("Authorization: Bearer s3cret", "Authorization: Bearer ***"),
        (f"token {JWT}", "token ***"),
        ("sb_secret_s3cret", "sb_secret_***"),
        ("postgresql://u@h:5432/d at 10:20", "postgresql://u@h:5432/d at 10:20"),
    ],
)
def test_secrets_are_redacted(text: str, shown: str) -> None:
    assert without_secrets(text) == shown


def test_terminal_gets_plain_text(caplog: pytest.LogCaptureFixture) -> None:
    get_logger("api.tests").warning("refused", status=503)
    line = Formatter(is_terminal=True).format(caplog.records[0])
    assert "refused" in line
    with pytest.raises(json.JSONDecodeError):
        json.loads(line)
