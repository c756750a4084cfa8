"""The error of a command. Its text is the whole message for the user."""

from __future__ import annotations


class CommandError(Exception):
    """Says in one sentence what is wrong and what to do. The exit code is 1."""
