"""The SQL of the HTTP layer: one statement per function, with its arguments as $n.

A request sends nothing else, except its settings behind a pooler. Checks and settings take one
statement per new session and a look at the socket, where other layers use statements per request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from api.rpc.contract import Function


@dataclass(frozen=True, slots=True)
class Statement:
    """A call of one function."""

    text: bytes
    arguments: tuple[str, ...]
    """What $1, $2 … are."""
    name: bytes
    """The name of the prepared statement. Equal names always mean equal texts, also for other
    clients that share a server session through a pooler."""


def _statement(function: str, columns: tuple[str, ...], *arguments: str) -> Statement:
    values = ", ".join(f"{name} => ${number}" for number, name in enumerate(arguments, 1))
    found = ", ".join(f"a.{name}" for name in columns)
    text = f"select {found} from public.{function}({values}) as a"  # noqa: S608  # nosec B608
    name = f"{function}_{sha256(text.encode()).hexdigest()[:12]}"
    return Statement(text.encode(), arguments, name.encode())


_ANSWER: Final = (
    *("verdict", "code", "message", "hint", "field", "body", "job_id::text", "job_status"),
    *("job_version", "rate_limit", "rate_remaining", "rate_reset", "next_cursor"),
    *("job_age", "user_id::text"),
)
_CALLER: Final = ("p_api_key", "p_claims")

_ARGUMENTS: Final[Mapping[Function, tuple[str, ...]]] = {
    "api_admin_change_index_job": ("p_claims", "p_job_id", "p_action", "p_reason"),
    "api_admin_get_job_status": ("p_claims", "p_job_id", "p_reason"),
    "api_admin_list_index_jobs": (
        *("p_claims", "p_status", "p_tenant", "p_repository", "p_since", "p_until"),
        *("p_queue_job_id", "p_cursor", "p_limit", "p_reason"),
    ),
    "api_cancel_index_job": (*_CALLER, "p_job_id"),
    "api_count_request": _CALLER,
    "api_create_index_job": (
        *_CALLER,
        *("p_repository", "p_organization", "p_ref", "p_commit_sha", "p_idempotency_key"),
        *("p_git_base_url", "p_local_url", "p_tracking_percent"),
    ),
    "api_explain_index_job": (*_CALLER, "p_job_id"),
    "api_find_symbols": (*_CALLER, "p_job_id", "p_name", "p_prefix", "p_cursor", "p_limit"),
    "api_follow_index_job": (*_CALLER, "p_job_id", "p_after", "p_is_first", "p_explains"),
    "api_get_job_history": (*_CALLER, "p_job_id"),
    "api_get_job_status": (*_CALLER, "p_job_id", "p_known_version"),
    "api_job_counts": (*_CALLER, "p_organization", "p_since"),
    "api_job_load": (),
    "api_job_metrics": (),
    "api_list_index_jobs": (
        *_CALLER,
        *("p_organization", "p_repository", "p_status", "p_since", "p_cursor", "p_limit"),
    ),
    "api_list_indexed_files": (*_CALLER, "p_job_id", "p_cursor", "p_limit"),
    "api_list_skipped_files": (*_CALLER, "p_job_id", "p_reason", "p_cursor", "p_limit"),
    "api_recheck_followers": ("p_api_keys", "p_all_claims", "p_job_ids"),
    "api_set_repository_url": (
        *_CALLER,
        *("p_repository_id", "p_git_url", "p_git_base_url", "p_local_url"),
    ),
    "api_status": (),
    "api_watch_jobs": ("p_job_ids", "p_versions"),
}

STATEMENTS: Final[Mapping[Function, Statement]] = {
    function: _statement(function, _ANSWER, *arguments)
    for function, arguments in _ARGUMENTS.items()
}
"""The statements whose columns are the members of Answer."""
POLL_GROUP: Final = _statement(
    "api_get_job_statuses", _ANSWER, "p_api_keys", "p_claims", "p_job_ids", "p_known_versions"
)
"""Answers several polls: a row for each, with the members of Answer, or nulls."""
CALL_FUNCTION: Final = _statement(
    "api_call_function",
    ("body", "row_count", "total", "is_void"),
    *("p_claims", "p_function", "p_arguments", "p_read_only", "p_query"),
)
"""The columns are the members of Called."""
SCHEMA_VERSION: Final = _statement("api_schema_version", ("version", "serves", "is_writable"))
"""The columns are the members of Schema."""
