"""`index-jobs supabase`: installs the migrations in a Supabase project."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from cli.exit_codes import ExitCode
from cli.terminal import Terminal
from db.tools import project

_CODES = f"""Exit codes: 0 copied, nothing to copy, or --dry-run ·
{ExitCode.FAILED} not copied: failed, declined, or no terminal to ask on (use --yes) ·
{ExitCode.USAGE} wrong usage · 130 interrupted by Ctrl-C"""

app = typer.Typer()
supabase = typer.Typer(
    help="Install the migrations in a Supabase project.",
    epilog=_CODES,
    no_args_is_help=True,
)
app.add_typer(supabase, name="supabase")


@supabase.command(epilog=_CODES)
def install(
    directory: Annotated[Path, typer.Argument(help="The folder that holds supabase/.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be copied and exit.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Copy the missing migrations into a Supabase project, after its own, and print the files."""
    terminal = Terminal()
    plan = project.plan(directory.resolve())
    for copy in plan.installed:
        edited = "; edited since then, left unchanged" if copy in plan.edited else ""
        terminal.say(f"  there  {copy.path.name}{edited}")
    for copy in plan.new:
        terminal.say(f"  new    {copy.path.name}")
    for clash in plan.clashes:
        terminal.say(f"  warning: {clash}; rename it first, or db push will fail", "red")
    if not plan.new:
        terminal.say("  nothing to copy")
        return
    if not (dry_run or yes):
        if not sys.stdin.isatty():
            terminal.say("  nothing was copied: there is no terminal to ask on; add --yes", "red")
            raise typer.Exit(ExitCode.FAILED)
        typer.confirm(f"Copy {len(plan.new)} files into {directory}?", abort=True, err=True)
    if not dry_run:
        project.apply(plan)
        terminal.say("  next: supabase db push --remote, then index-jobs doctor --database-url …")
    for copy in plan.new:
        print(copy.path)
