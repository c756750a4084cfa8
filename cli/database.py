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
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the pending migrations and exit.")
    ] = False,
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
) -> None:
    """Apply the pending migrations and print their names."""
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
        bool,
        typer.Option(
            "--yes", "-y", help="Roll back even a database that is not marked for development."
        ),
    ] = False,
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
) -> None:
    """Roll back the newest migrations and print their names."""
    options, terminal = stack_options(database_url, data_dir), Terminal()
    with stack.use_database(options, "make rollback", create=False, step=terminal.step) as base:
        if not yes:
            stack.require_development(
                base, "with --yes, everything that the migrations added is removed"
            )
        undone = migrate.rollback(base.url, count)
    for migration in undone:
        print(migration)
    terminal.hint("apply it again with make migrate")


@app.command("backup", epilog=COMMON_CODES)
def save(
    file: Annotated[
        Path, typer.Argument(help="The file to write, in pg_dump's custom format (-Fc).")
    ],
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
) -> None:
    """Save the whole database to a file. If that fails, no file is left."""
    options = stack_options(database_url, data_dir)
    with stack.use_database(options, "index-jobs backup", create=False) as base:
        backup.save(base.url, file)
    Terminal().step(f"saved to {display_path(file)}", None, f"{file.stat().st_size:,} bytes")


@app.command("restore", epilog=COMMON_CODES)
def restore(
    file: Annotated[Path, typer.Argument(help="A file written by index-jobs backup.")],
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
) -> None:
    """Restore a backup into an empty database, completely or not at all."""
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
        typer.Option("--sql", help="Print SQL that recreates all functions and policies."),
    ] = False,
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
) -> None:
    """Check the database against this release, and the privileges of API_DATABASE_URL's login."""
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
    verdict = f"{count} to fix" if count else "no problems found"
    Terminal().say(
        f"  Postgres {diagnosis.server}, schema {diagnosis.version or 'empty'}: {verdict}"
    )


@app.command(
    epilog="Exit codes: those of psql (0 done; 1, 2 or 3 failed), and "
    f"{ExitCode.FAILED} if there is no database",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def psql(
    context: typer.Context, database_url: DatabaseUrl = None, data_dir: DataDir = None
) -> None:
    """Open psql on the database, as its owner. Further arguments are passed to psql."""
    options = stack_options(database_url, data_dir)
    with stack.use_database(options, "make psql", create=False) as base:
        program = base.server.bin("psql") if base.server else client_program("psql")
        parameters = {k: str(v) for k, v in conninfo_to_dict(base.url).items() if v is not None}
        password = parameters.pop("password", None)  # to keep it out of the process list
        environment = os.environ | ({"PGPASSWORD": password} if password else {})
        command = [str(program), psycopg.conninfo.make_conninfo(**parameters), *context.args]
        before = signal.signal(signal.SIGINT, lambda number, frame: None)  # psql handles Ctrl-C
        try:
            code = subprocess.run(command, env=environment, check=False).returncode
        finally:
            signal.signal(signal.SIGINT, before)
    raise typer.Exit(code)
