"""Output for people. Goes to stderr, with progress bars and colors on terminals only."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from api.records import IndexJob

_LINE_SECONDS = 1.0


class Terminal:
    """Writes to stderr for people."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)

    def say(self, text: str, style: str = "") -> None:
        """Prints one or more lines. Escapes characters that would move the cursor or hide text."""
        lines = "\n".join(escape_invisible(line) for line in text.split("\n"))
        self._console.print(Text(lines, style), end="\n")

    def hint(self, text: str) -> None:
        """Suggests the next command, on a terminal only."""
        if self._console.is_terminal:
            self.say(f"  next: {text}")

    def step(self, title: str, seconds: float | None = None, detail: str = "") -> None:
        """Reports that a part is ready, and how long it took."""
        took = "" if seconds is None else f"{seconds:.1f} s"
        line = Text.assemble("  ", ("✓", "green"), f" {title:<32} {took:>7}   {detail}")
        line.rstrip()
        self._console.print(line)

    @contextmanager
    def following(self) -> Iterator[JobView]:
        """Yields a live view of one job: a progress bar on a terminal, lines elsewhere."""
        if not (self._console.is_terminal and sys.stdout.isatty()):
            yield JobView(self, None)
            return
        columns = (
            TextColumn("  {task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[detail]}", markup=False),
            TextColumn("{task.elapsed:.0f} s"),
        )
        with Progress(*columns, console=self._console, transient=True) as bar:
            yield JobView(self, bar)


class JobView:
    """Shows a job as it changes."""

    def __init__(self, terminal: Terminal, bar: Progress | None) -> None:
        self._terminal = terminal
        self._bar = bar
        self._task = bar.add_task("", total=None, detail="") if bar else None
        self._begun = time.monotonic()
        self._said = ("", "")
        self._said_at = 0.0

    def show(self, job: IndexJob) -> None:
        """Shows the job's progress. Without a terminal, at most one line per second, no repeats."""
        detail = progress_of(job)
        progress = job["progress"] or {"phase": "", "done": 0, "total": None}
        if self._bar is not None and self._task is not None:
            self._bar.update(
                self._task,
                description=job["status"],
                completed=progress["done"] if progress["total"] else 0,
                total=progress["total"] or None,
                detail=detail,
            )
            return
        now = time.monotonic()
        moved = job["status"] != self._said[0]
        if moved or (detail != self._said[1] and now - self._said_at >= _LINE_SECONDS):
            seconds = int(now - self._begun)
            line = f"  {job['status']:<10} {detail}".rstrip()
            self._terminal.say(f"{line}   {seconds // 60}:{seconds % 60:02}")
            self._said, self._said_at = (job["status"], detail), now

    def note(self, text: str) -> None:
        """Prints a line that stays, such as why the job is waiting."""
        self._terminal.say(f"  {text}")


def escape_invisible(text: str) -> str:
    """Returns the text with escapes for control, bidi and invisible characters and line ends."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def format_time(text: str | None) -> str:
    """Returns a record's time to the second, or '-' for None."""
    if text is None:
        return "-"
    return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M:%SZ}"


def print_rows(rows: Iterable[Sequence[str]]) -> None:
    """Prints a table: in columns on a terminal, with tabs between cells elsewhere."""
    cells = [[escape_invisible(cell) for cell in row] for row in rows]
    widths = [0] * max(map(len, cells), default=0)
    if sys.stdout.isatty():
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    gap = "  " if sys.stdout.isatty() else "\t"
    for row in cells:
        print(gap.join(f"{c:<{w}}" for c, w in zip(row, widths, strict=True)).rstrip(" "))


def progress_of(job: IndexJob) -> str:
    """Returns the known parts of '62 %  symbols 124/200   attempt 1'."""
    words = []
    if progress := job["progress"]:
        done, total, phase = (
            progress["done"],
            progress["total"],
            escape_invisible(progress["phase"]),
        )
        if total:
            words.append(f"{100 * done // total:3} %  {phase} {done:,}/{total:,}")
        else:
            words.append(f"{phase} {done:,}" if done else phase)
    if job["attempt"]:
        words.append(f"attempt {job['attempt']}")
    return "   ".join(words)


def summary(job: IndexJob) -> str:
    """Returns the job's status and progress or result in one line."""
    if job["status"] == "failed":
        return f"failed  {escape_invisible(job['error_message'] or '')}"
    if job["status"] != "completed":
        return f"{job['status']}  {progress_of(job)}".rstrip()
    words = []
    stats: Mapping[str, Any] = job["stats"] or {}  # may come from any worker
    for name, unit in (("files_indexed", "files"), ("symbols_extracted", "symbols")):
        if isinstance(count := stats.get(name), int):
            words.append(f"{count:,} {unit}")
    if job["started_at"] and job["completed_at"]:
        took = datetime.fromisoformat(job["completed_at"]) - datetime.fromisoformat(
            job["started_at"]
        )
        words.append(f"{took.total_seconds():.1f} s")
    return f"completed  {' · '.join(words)}"
