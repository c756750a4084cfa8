"""The error of commands whose text is the whole message for the person at the terminal."""

from __future__ import annotations


class CommandError(Exception):
    """What is wrong and what to do about it, in one sentence; the exit code is 1."""
