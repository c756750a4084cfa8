"""The command line behind make migration, make check and make release.

Exit code 0: success. 1: nothing to stamp, or a problem, which stderr names.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from db.tools.stamp.checks import check
from db.tools.stamp.files import ROOT, StampError
from db.tools.stamp.release import release
from db.tools.stamp.write import write


def main(arguments: list[str] | None = None) -> int:
    """Runs the command and returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m db.tools.stamp", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("migration", help="stamp the changes in db/")
    command.add_argument(
        "name", nargs="?", default="", help="the name of a new migration, such as add_cancel"
    )
    command.add_argument("--empty", action="store_true", help="create a migration to write by hand")
    command.add_argument(
        "--breaking", action="store_true", help="mark it as incompatible with older code"
    )
    commands.add_parser("check", help="report drift and how to fix it")
    command = commands.add_parser("release", help="freeze the migrations")
    command.add_argument("version", help="as in 0.1.0")
    for each in commands.choices.values():
        each.add_argument("--root", type=Path, default=ROOT, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    try:
        if options.command == "check":
            return _check(options.root)
        if options.command == "release":
            return _release(options.version, options.root)
        return _migration(options)
    except StampError as error:
        print(error, file=sys.stderr)
        return 1


def _check(root: Path) -> int:
    problems = check(root)
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def _migration(options: argparse.Namespace) -> int:
    root: Path = options.root
    stamped = write(options.name, root=root, empty=options.empty, breaking=options.breaking)
    print(stamped.forward.relative_to(root).as_posix())
    for line in stamped.summary:
        print(f"  {line}", file=sys.stderr)
    if options.empty and not stamped.is_new:
        print(
            "  it is not released yet: write the DDL in it and its rollback, then run: "
            "make migration",
            file=sys.stderr,
        )
    return 0


def _release(version: str, root: Path) -> int:
    for name in release(version, root=root):
        print(f"  frozen  db/migrations/{name}.sql")
    commit = f"git add --all && git commit -m 'Release {version}' && git tag v{version}"
    print(f"next: {commit} && make build")
    return 0


if __name__ == "__main__":
    sys.exit(main())
