"""The console script `index-jobs`: whatever is known to go wrong ends as one sentence."""

from __future__ import annotations

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Runs one command; the exit codes are listed by --help."""
    try:
        # here and not above: loading takes a second, in which Ctrl-C has to be as clean as later
        from cli import commands  # noqa: PLC0415

        sys.exit(commands.run())
    except KeyboardInterrupt:
        sys.exit(130)
