"""The figures of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tests.mutants.equivalents import Equivalent
from tests.mutants.verdicts import Verdict

KINDS = {
    "drop": "a policy, grant, revoke, owner, check, key or trigger is left out",
    "weaken": "a condition that names who asks is true, `and` is `or`",
    "flip": "a comparison, null test, boolean, role name, or `security` is turned round",
    "unlock": "a row lock, `skip locked` or an advisory lock is left out",
    "widen": "a grant, policy, membership or condition admits one more",
    "silence": "a `raise` is left out",
    "unquote": "a name or literal is put into dynamic SQL as it is",
    "session": "a setting outlives its transaction",
}


def figures(verdicts: Sequence[Verdict], listed: Sequence[Equivalent]) -> str:
    """Returns a Markdown table with the number and results of each kind of change."""
    names = {one.name for one in listed}
    counts: Counter[tuple[str, str]] = Counter()
    for verdict in verdicts:
        is_listed = verdict.outcome == "survived" and verdict.mutant.name in names
        counts[verdict.mutant.kind, "equivalent" if is_listed else verdict.outcome] += 1
    columns = ("caught", "refused", "same", "equivalent", "survived")
    lines = [
        "| change | tried | caught by a test | cannot be built | gives the same schema"
        " | listed as equivalent | not noticed |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for kind, words in {**KINDS, "all": "all"}.items():
        row = [
            sum(n for (k, o), n in counts.items() if o == outcome and kind in (k, "all"))
            for outcome in columns
        ]
        if sum(row):
            lines.append(f"| {words} | {sum(row):,} | " + " | ".join(f"{n:,}" for n in row) + " |")
    return "\n".join(lines)
