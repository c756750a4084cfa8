"""Errors of the API are reworded for the command line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.hints import explain_refusal
from db.tools.codes import codes

ROOT = Path(__file__).parents[2]
OF_HTTP = re.compile(
    r"header|Retry-After|next_cursor|\bSend\b|\bPass\b|\bp_\w|%2B|JSON|\bbody\b|\broute\b|HTTP"
    r"|Authorization|Bearer|\b(GET|POST|DELETE) |PostgREST|RFC 9|the request again|get_job_status"
)


def refusals() -> Iterator[tuple[str, str, str | None]]:
    """Yields each code of a route, with its sentence and each of its hints."""
    hints: dict[str, set[str]] = {}
    for file in (ROOT / "db/functions").rglob("*.sql"):
        for raised in re.findall(r"raise exception.*?;$", file.read_text(), re.S | re.M):
            code = re.search(r"detail = '(\w+)'", raised)
            parts = re.search(r"hint = ((?:'(?:[^']|'')*'\s*)+)", raised)
            if code and parts:
                text = "".join(re.findall(r"'((?:[^']|'')*)'", parts[1])).replace("''", "'")
                hints.setdefault(code[1], set()).add(text)
    for name, code in codes().items():
        if code.over_http:
            yield name, code.sentence, code.hint
            for hint in sorted(hints.get(name, ())):
                yield name, code.sentence, hint


@pytest.mark.parametrize(("code", "sentence", "hint"), list(refusals()))
def test_errors_are_not_worded_in_http_terms(code: str, sentence: str, hint: str | None) -> None:
    told = explain_refusal(code, sentence, hint)
    assert not OF_HTTP.search(told), told
    assert told[-1] in ".?", told


def test_unknown_error_is_shown_unchanged() -> None:
    assert explain_refusal("new_code", "It is so.", "Do that.") == "It is so. Do that."
    assert explain_refusal("", "It is so.", None) == "It is so."
