"""The exit codes of `index-jobs`, and how --help lists them."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes besides 0 and 130."""

    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    NO_ACCESS = 4
    UNREACHABLE = 5
    QUOTA = 6
    TIMEOUT = 7


API_CODES = f"""Exit codes:
0 done (watch: the job completed; serve: stopped) ·
{ExitCode.FAILED} failed (watch: the job failed or was cancelled) ·
{ExitCode.USAGE} wrong usage, or the API refused the request as invalid ·
{ExitCode.NOT_FOUND} no such job, or it is not yours ·
{ExitCode.NO_ACCESS} no key, or an invalid one ·
{ExitCode.UNREACHABLE} the API cannot be reached ·
{ExitCode.QUOTA} this hour's quota is used up ·
{ExitCode.TIMEOUT} watch: the job has not ended within --timeout ·
130 interrupted by Ctrl-C"""

COMMON_CODES = f"""Exit codes: 0 done · {ExitCode.FAILED} failed · {ExitCode.USAGE} wrong usage ·
130 interrupted by Ctrl-C"""

SERVER_CODES = f"""Exit codes: 0 stopped by Ctrl-C or SIGTERM · {ExitCode.FAILED} could not start ·
{ExitCode.USAGE} wrong usage · 130 interrupted during startup"""
