"""Runs comparisons in interleaved rounds, and summarizes them: medians, extremes, ratios."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Probe = Callable[[], float]


@dataclass(frozen=True)
class Goal:
    """`variant` must be at least (or at most) `bound` times `over`, or `bound` without it."""

    variant: str
    over: str | None
    bound: float
    at_most: bool = False


@dataclass(frozen=True)
class Comparison:
    """One table of the report: the figures of each variant, one per round."""

    name: str
    title: str
    unit: str
    figures: Mapping[str, list[float]]
    goals: tuple[Goal, ...] = ()
    note: str = ""

    def ratio(self, variant: str, over: str | None) -> float:
        """Returns the median, over the rounds, of the ratio of two figures."""
        values = self.figures[variant]
        if over is None:
            return statistics.median(values)
        return statistics.median(a / b for a, b in zip(values, self.figures[over], strict=True))

    def verdicts(self) -> list[tuple[Goal, float, bool]]:
        """Returns each goal, the measured ratio, and whether it is met."""
        found = []
        for goal in self.goals:
            ratio = self.ratio(goal.variant, goal.over)
            met = ratio <= goal.bound if goal.at_most else ratio >= goal.bound
            found.append((goal, ratio, met))
        return found


def _to_stderr(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@dataclass
class Rounds:
    """Runs probes in turn, so that all see the same state of the machine."""

    count: int = 5
    told: Callable[[str], None] = field(default=_to_stderr)

    def run(self, name: str, probes: Mapping[str, Probe]) -> dict[str, list[float]]:
        """Returns the figures of each probe, one per round."""
        figures: dict[str, list[float]] = {variant: [] for variant in probes}
        for number in range(self.count):
            for variant, probe in probes.items():
                figures[variant].append(probe())
            last = ", ".join(f"{variant} {values[-1]:,.4g}" for variant, values in figures.items())
            self.told(f"  {name} {number + 1}/{self.count}: {last}")
        return figures


def spread(values: list[float]) -> str:
    """'12.3 (11.9–13.0)': the median, the smallest and the largest."""
    middle, low, high = statistics.median(values), min(values), max(values)
    return f"{short(middle)} ({short(low)}–{short(high)})"


def short(value: float) -> str:
    """Returns a number with three significant digits, or its whole integer part."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
