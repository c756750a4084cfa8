"""The console script `index-jobs`. Every known failure ends as one sentence."""

from __future__ import annotations

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Runs one command. --help lists the exit codes."""
    try:
        # imported here: loading takes a second, and Ctrl-C must be clean during it
        from cli import commands  # noqa: PLC0415

        sys.exit(commands.run())
    except KeyboardInterrupt:
        sys.exit(130)
