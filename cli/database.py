"""`index-jobs migrate`, `rollback`, `backup`, `restore`, `doctor` and `psql`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import psycopg
import typer
from psycopg.conninfo import conninfo_to_dict

from cli.dev import stack
from cli.exit_codes import COMMON_CODES, ExitCode
from cli.options import DatabaseUrl, DataDir, Json, stack_options
from cli.paths import display_path
from cli.terminal import Terminal
from db.local.binaries import client_program
from db.tools import backup, doctor, migrate, stamp

app = typer.Typer()


@app.command("migrate", epilog=COMMON_CODES)
def apply_migrations(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print what is pending.")] = False,
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
) -> None:
    """Apply the migrations that are pending; prints their names."""
    options, terminal = stack_options(database_url, data_dir), Terminal()
    with stack.use_database(
        options, "make migrate", create=not dry_run, step=terminal.step
    ) as base:
        if dry_run:
            migrations = migrate.status(base.url).pending
        else:
            migrations = stack.prepare(base, step=terminal.step)
    for migration in migrations:
        print(migration)


@app.command("rollback", epilog=COMMON_CODES)
def take_back_migrations(
    count: Annotated[int, typer.Option(help="How many.", min=1, envvar="COUNT")] = 1,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Even of a database that is not for development.")
    ] = False,
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
) -> None:
    """Take the newest migrations back; prints their names."""
    options, terminal = stack_options(database_url, data_dir), Terminal()
    with stack.use_database(options, "make rollback", create=False, step=terminal.step) as base:
        if not yes:
            stack.require_development(base, "with --yes, what the migrations added goes with them")
        undone = migrate.rollback(base.url, count)
    for migration in undone:
        print(migration)
    terminal.hint("make migrate applies it again")


@app.command("backup", epilog=COMMON_CODES)
def save(
    file: Annotated[Path, typer.Argument(help="The file to write, in the format of pg_dump -Fc.")],
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
) -> None:
    """Save the whole database to a file; on failure no file is left."""
    options = stack_options(database_url, data_dir)
    with stack.use_database(options, "index-jobs backup", create=False) as base:
        backup.save(base.url, file)
    Terminal().step(f"saved to {display_path(file)}", None, f"{file.stat().st_size:,} bytes")


@app.command("restore", epilog=COMMON_CODES)
def restore(
    file: Annotated[Path, typer.Argument(help="A file that index-jobs backup wrote.")],
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
) -> None:
    """Restore a backup into an empty database: all of it, or nothing."""
    options = stack_options(database_url, data_dir)
    with stack.use_database(options, "index-jobs restore", create=True) as base:
        backup.restore(base.url, file)
    Terminal().step(f"restored {display_path(file)}", None, "next: index-jobs doctor")


@app.command(
    "doctor",
    epilog=f"Exit codes: 0 no problems found · {ExitCode.FAILED} problems found, or cannot connect "
    f"· {ExitCode.USAGE} wrong usage · 130 interrupted by Ctrl-C",
)
def examine(
    as_json: Json = False,
    as_sql: Annotated[
        bool,
        typer.Option("--sql", help="Print the SQL that creates all functions and policies again."),
    ] = False,
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
) -> None:
    """Compare the database with this release, and API_DATABASE_URL's login with what it needs."""
    if as_sql:
        print(f"begin;\n\n{stamp.declared_sql()}\ncommit;")
        return
    options = stack_options(database_url, data_dir)
    with stack.use_database(options, "index-jobs doctor", create=False) as base:
        diagnosis = doctor.examine(base.url, options.api_database_url)
    if as_json:
        print(json.dumps({"ok": not diagnosis.findings, **asdict(diagnosis)}))
    else:
        _print_diagnosis(diagnosis)
    raise typer.Exit(ExitCode.FAILED if diagnosis.findings else 0)


def _print_diagnosis(diagnosis: doctor.Diagnosis) -> None:
    for finding in diagnosis.findings:
        print(f"{finding.check} {finding.object}: {finding.problem}\n  fix: {finding.remedy}")
    for finding in diagnosis.advice:
        print(f"advice, {finding.check} {finding.object}: {finding.problem}\n  {finding.remedy}")
    count = len(diagnosis.findings)
    verdict = f"{count} to mend" if count else "all as it should be"
    Terminal().say(
        f"  Postgres {diagnosis.server}, schema {diagnosis.version or 'empty'}: {verdict}"
    )


@app.command(
    epilog="Exit codes: those of psql (0 done · 1, 2, 3 not), and "
    f"{ExitCode.FAILED} when there is no database",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def psql(
    context: typer.Context, database_url: DatabaseUrl = None, data_dir: DataDir = None
) -> None:
    """Open psql on the database, as its owner; more arguments go to psql."""
    options = stack_options(database_url, data_dir)
    with stack.use_database(options, "make psql", create=False) as base:
        program = base.server.bin("psql") if base.server else client_program("psql")
        parameters = {k: str(v) for k, v in conninfo_to_dict(base.url).items() if v is not None}
        password = parameters.pop("password", None)  # not for all to see in the process list
        environment = os.environ | ({"PGPASSWORD": password} if password else {})
        command = [str(program), psycopg.conninfo.make_conninfo(**parameters), *context.args]
        before = signal.signal(signal.SIGINT, lambda number, frame: None)  # Ctrl-C is psql's
        try:
            code = subprocess.run(command, env=environment, check=False).returncode
        finally:
            signal.signal(signal.SIGINT, before)
    raise typer.Exit(code)
