"""Changes the declared SQL, one clause at a time, and lists the changes that no test notices.

`python -m tests.mutants [--only PATTERN] [--list] [--jobs 2]`. PATTERN is a regular expression
matched against file:line and the change. Exits with 1 when a change survives that
equivalents.toml does not list, or when a listed one is caught or no longer exists.
"""

from __future__ import annotations

import argparse
import re
import sys
import time

from tests.mutants.databases import Yard
from tests.mutants.equivalents import complaints, equivalents
from tests.mutants.report import figures
from tests.mutants.sources import Declared
from tests.mutants.statements import mutants
from tests.mutants.verdicts import Trial, Verdict


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--only", default="", metavar="PATTERN", help="those that match")
    parser.add_argument("--list", action="store_true", help="list them and try none")
    parser.add_argument("--jobs", type=int, default=2, help="how many at once (2)")
    parser.add_argument("--verbose", action="store_true", help="say which test caught each")
    options = parser.parse_args()

    declared = Declared()
    every = mutants(declared)
    chosen = [m for m in every if re.search(options.only, m.place)]
    if options.list:
        for mutant in chosen:
            print(mutant.place)
        return 0

    began = time.monotonic()

    def report(verdict: Verdict) -> None:
        if options.verbose or verdict.outcome == "survived":
            print(f"{verdict.outcome}: {verdict.mutant.place}  {verdict.by}", flush=True)

    with Yard() as yard:
        trial = Trial(declared, yard)
        trial.check()
        verdicts = trial.verdicts(chosen, jobs=options.jobs, report=report)
    listed = equivalents()
    print(figures(verdicts, listed), file=sys.stderr)
    print(f"{(time.monotonic() - began) / 60:.1f} minutes", file=sys.stderr)
    wrong = complaints(verdicts, listed, every)
    for sentence in wrong:
        print(sentence)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
