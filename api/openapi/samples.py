"""Samples that call an operation with curl, Python and TypeScript.

The samples take API_URL, a key and, if needed, the id of a job (JOB) or repository (REPOSITORY)
from the environment.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from api.openapi.operations import Operation

_FUNCTION: Final = "get_job_status"
_BODIES: Final = {
    "/index": {"repository": "octocat/Hello-World"},
    "/admin/jobs/{job_id}/fail": {"reason": "ticket 42"},
    "/admin/jobs/{job_id}/release": {"reason": "ticket 42"},
    "/admin/jobs/{job_id}/retry": {"reason": "ticket 42"},
    "/repositories/{repository_id}": {"git_url": "octocat/Hello-World"},
    "/rest/v1/rpc/{function}": {"p_job_id": "JOB"},
}
_QUERIES: Final = {
    "/jobs": {"status": "failed", "limit": "20"},
    "/jobs/{job_id}/symbols": {"prefix": "parse"},
    "/admin/jobs": {"status": "failed", "reason": "ticket 42"},
    "/admin/jobs/{job_id}": {"reason": "ticket 42"},
    "/rest/v1/rpc/{function}": {"p_job_id": "JOB"},
}
_KEYS: Final = {"user": "API_KEY", "rest": "TOKEN", "service": "SERVICE_KEY", "anybody": None}


def samples(operation: Operation) -> list[dict[str, str]]:
    """Returns one sample per language."""
    call = _call(operation)
    return [
        {"lang": "Shell", "label": "curl", "source": _curl(call)},
        {"lang": "Python", "label": "Python", "source": _python(call)},
        {"lang": "TypeScript", "label": "TypeScript", "source": _typescript(call)},
    ]


@dataclass(frozen=True)
class _Call:
    """A request in which JOB and REPOSITORY stand for ids."""

    method: str
    target: str
    key: str | None
    body: dict[str, str] | None


def _call(operation: Operation) -> _Call:
    target = operation.path.format(job_id="JOB", repository_id="REPOSITORY", function=_FUNCTION)
    sends = operation.method in {"POST", "PATCH"}
    if operation.method == "GET" and operation.path in _QUERIES:
        target += "?" + urlencode(_QUERIES[operation.path])
    return _Call(
        operation.method,
        target,
        _KEYS[operation.access],
        _BODIES[operation.path] if sends else None,
    )


def _with(variable: str, text: str, quote: str = "") -> str:
    """Returns the text with `variable`, where NAME is the name, in place of each quoted name."""
    names = rf"{quote}\b(JOB|REPOSITORY)\b{quote}"
    return re.sub(names, lambda found: variable.replace("NAME", found[1]), text)


def _curl(call: _Call) -> str:
    method = f" -X {call.method}" if call.method in {"DELETE", "PATCH"} else ""
    lines = [f'curl -sS{method} "$API_URL{_with("$NAME", call.target)}"']
    if call.key:
        lines.append(f'-H "Authorization: Bearer ${call.key}"')
    if call.body:
        text = json.dumps(call.body).replace('"', r"\"")
        lines += ['-H "Content-Type: application/json"', f'-d "{_with("$NAME", text)}"']
    return " \\\n  ".join(lines)


def _python(call: _Call) -> str:
    target = _with("{os.environ['NAME']}", call.target)
    lines = [f"f\"{{os.environ['API_URL']}}{target}\""]
    if call.key:
        lines.append(f'headers={{"Authorization": f"Bearer {{os.environ[\'{call.key}\']}}"}}')
    if call.body:
        lines.append("json=" + _with('os.environ["NAME"]', json.dumps(call.body), '"'))
    return "\n".join(
        [
            "import os",
            "",
            "import httpx",
            "",
            f"answer = httpx.{call.method.lower()}(",
            *(f"    {line}," for line in lines),
            ")",
            "print(answer.status_code, answer.text)",
        ]
    )


def _typescript(call: _Call) -> str:
    options = [f'method: "{call.method}"'] if call.method != "GET" else []
    headers = [f"Authorization: `Bearer ${{process.env.{call.key}}}`"] if call.key else []
    if call.body:
        headers.append('"Content-Type": "application/json"')
        body = _with("process.env.NAME", json.dumps(call.body), '"')
        options.append(f"body: JSON.stringify({body})")
    if headers:
        options.append(f"headers: {{ {', '.join(headers)} }}")
    given = ", {\n" + "".join(f"  {each},\n" for each in options) + "}" if options else ""
    target = _with("${process.env.NAME}", call.target)
    return "\n".join(
        [
            f"const answer = await fetch(`${{process.env.API_URL}}{target}`{given});",
            "console.log(answer.status, await answer.text());",
        ]
    )
