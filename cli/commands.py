"""The commands of `index-jobs`. Data goes to stdout, everything else to stderr.

A flag beats an environment variable, which beats the file RUN_DIR/dev.env of `make serve`.
"""

from __future__ import annotations

import io
import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import psycopg
import typer
from dotenv import dotenv_values
from psycopg.conninfo import conninfo_to_dict

from api import settings as configuration
from api.schema import UNFINISHED, IndexJob
from api.settings import SettingError, Settings
from cli import client as exits
from cli import repository as repositories
from cli.client import ApiError, Client, message_about
from cli.dev import demo as demonstration
from cli.dev import seed as seeding
from cli.dev import serve as server
from cli.dev import stack
from cli.dev.stack import Options, StackError
from cli.terminal import Terminal, program, summary
from db.local.binaries import postgres_binaries
from db.local.postgres import PostgresError
from db.tools import doctor as surgery
from db.tools import migrate as migrations
from db.tools import project as supabase
from db.tools import stamp

_EXIT_CODES = f"""Exit codes:
0 done (watch: the job completed; serve: stopped) ·
{exits.FAILED} it did not work (watch: the job failed or was cancelled) ·
{exits.USAGE} wrong usage, or a request that the API refuses as invalid ·
{exits.NOT_FOUND} no such job, or not yours ·
{exits.NO_ACCESS} no key, or one that is not valid ·
{exits.UNREACHABLE} the API does not answer ·
{exits.QUOTA} the hour's requests are used up ·
130 interrupted by Ctrl-C"""

_KEY_CODES = f"""Exit codes: 0 done · {exits.FAILED} it did not work · {exits.USAGE} wrong usage ·
{exits.NOT_FOUND} the user has no such key · 130 interrupted by Ctrl-C"""
_DEV_CODES = f"""Exit codes: 0 done · {exits.FAILED} it did not work · {exits.USAGE} wrong usage ·
130 interrupted by Ctrl-C"""
_PROJECT_CODES = f"""Exit codes: 0 copied, nothing to copy, or --dry-run ·
{exits.FAILED} not copied: it did not work, you said no, or nobody could be asked (say --yes) ·
{exits.USAGE} wrong usage · 130 interrupted by Ctrl-C"""

# a field of the API or the database -> what a person types for it
_INDEX_WORDS = {
    "repository": "REPOSITORY",
    "localPath": "REPOSITORY",
    "git_url": "REPOSITORY",
    "ref": "--ref",
    "commit_sha": "--commit",
    "organization": "--organization",
    "idempotency_key": "--idempotency-key",
}
_KEY_WORDS = {"name": "NAME", "expires_at": "--expires"}
_DEMO_WORDS = {"repository": "REPO", "localPath": "REPO", "git_url": "REPO"}

app = typer.Typer(
    help="Index git repositories and watch the jobs; run the stack for development.",
    epilog=_EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
keys = typer.Typer(
    help="Make, list and revoke API keys, by the database.",
    epilog=_KEY_CODES,
    no_args_is_help=True,
)
projects = typer.Typer(
    help="Install the migrations in a Supabase project.",
    epilog=_PROJECT_CODES,
    no_args_is_help=True,
)

_CLIENT, _DEV = "The API", "Development"
app.add_typer(keys, name="keys", rich_help_panel=_CLIENT)
app.add_typer(projects, name="supabase", rich_help_panel=_DEV)

ApiUrl = Annotated[
    str | None,
    typer.Option(help="Address of the API.", envvar="API_URL", show_default="from dev.env"),
]
ApiKey = Annotated[
    str | None, typer.Option(help="An API key.", envvar="API_KEY", show_default="of --user")
]
AsUser = Annotated[
    str, typer.Option("--user", help="Whose key of dev.env to use: alice, bob, carol.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
JobId = Annotated[str, typer.Argument(help="The id that POST /index gave.", show_default=False)]
KeyOwner = Annotated[
    str,
    typer.Option("--user", help="A user's id, or alice, bob, carol.", show_default=False),
]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        help="The migrator's login.", envvar="DATABASE_URL", show_default="the embedded server"
    ),
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        help="Data of the embedded server.", envvar="DATA_DIR", show_default="RUN_DIR/pgdata"
    ),
]


def run() -> int:
    """Runs the command of the command line; returns an exit code, or raises SystemExit."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        app()  # wrong usage exits with 2 in here, Ctrl-C with 130
    except ApiError as error:
        return _complain(str(error), error.exit_code)
    except (
        SettingError,
        StackError,
        PostgresError,
        migrations.MigrationError,
        supabase.ProjectError,
    ) as error:
        return _complain(str(error), exits.FAILED)
    except psycopg.Error as error:
        return _complain(f"the database says: {str(error).strip()}", exits.FAILED)
    except UnicodeEncodeError:
        return _complain("an argument is not UTF-8", exits.USAGE)
    except OSError as error:
        return _complain(f"{error.filename or 'the system'}: {error.strerror}", exits.FAILED)
    return 0


def _complain(sentence: str, code: int) -> int:
    Terminal().say(f"error: {sentence}", "red")
    return code


# --- the API -------------------------------------------------------------------------------------


@app.command(rich_help_panel=_CLIENT, epilog=_EXIT_CODES)
def index(
    context: typer.Context,
    repository: Annotated[
        str, typer.Argument(help="owner/name, an https URL, or a folder on the API's machine.")
    ],
    *,
    ref: Annotated[
        str | None, typer.Option(help="Branch or tag.", show_default="the default branch")
    ] = None,
    commit: Annotated[str | None, typer.Option(help="A full commit id.")] = None,
    organization: Annotated[
        str | None, typer.Option(help="Slug or id of the organization that owns it.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="What to call a folder.", show_default="local/FOLDER")
    ] = None,
    idempotency_key: Annotated[
        str | None, typer.Option(help="The same key again gives the same job.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Then watch the job.")] = False,
    as_json: Json = False,
    api_url: ApiUrl = None,
    api_key: ApiKey = None,
    user: AsUser = "alice",
) -> None:
    """Start indexing a repository; prints the job's id."""
    request = _request(repository, name)
    options = {"ref": ref, "commit_sha": commit, "organization": organization}
    request |= {field: value for field, value in options.items() if value is not None}
    terminal = Terminal()
    with _client(api_url, api_key, user) as client:
        try:
            created = client.create_index_job(request, idempotency_key=idempotency_key)
        except ApiError as error:
            raise _refusal(error, request, name) from None
        again = _watch_command(context, created.job_id)
        if watch:
            terminal.say(f"  job {created.job_id}")
            _watch(client, created.job_id, as_json, again)
        print(json.dumps(created.answer) if as_json else created.job_id)
        terminal.hint(again)


@app.command(rich_help_panel=_CLIENT, epilog=_EXIT_CODES)
def status(
    context: typer.Context,
    job_id: JobId,
    *,
    as_json: Json = False,
    api_url: ApiUrl = None,
    api_key: ApiKey = None,
    user: AsUser = "alice",
) -> None:
    """Print how a job stands now."""
    with _client(api_url, api_key, user) as client:
        job = client.get_job_status(job_id)
    _print_job(job, as_json)
    if job["status"] in UNFINISHED:
        Terminal().hint(_watch_command(context, job_id))


@app.command(rich_help_panel=_CLIENT, epilog=_EXIT_CODES)
def watch(
    context: typer.Context,
    job_id: JobId,
    *,
    as_json: Json = False,
    api_url: ApiUrl = None,
    api_key: ApiKey = None,
    user: AsUser = "alice",
) -> None:
    """Follow a job to its end; exit code 0 when it completed, 1 when it failed or was cancelled."""
    with _client(api_url, api_key, user) as client:
        _watch(client, job_id, as_json, _watch_command(context, job_id))


def _watch(client: Client, job_id: str, as_json: bool, again: str) -> None:
    terminal = Terminal()
    try:
        with terminal.following() as view:
            client.waiting = view.note
            for job in client.follow(job_id):
                if job["status"] in UNFINISHED:
                    view.show(job)
    except KeyboardInterrupt:
        terminal.say(f"  the job goes on; to watch it again: {again}")
        raise typer.Exit(130) from None
    except ApiError as error:
        if error.exit_code != exits.UNREACHABLE:
            raise
        raise ApiError(
            f"{error} Once it answers, watch the job again: {again}", exit_code=error.exit_code
        ) from None
    _print_job(job, as_json)
    raise typer.Exit(0 if job["status"] == "completed" else exits.FAILED)


def _watch_command(context: typer.Context, job_id: str) -> str:
    """What to type to watch the job, with the flags that were given here."""
    words = [program(), "watch", job_id]
    for name in ("user", "api_url", "api_key"):
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            value = "KEY" if name == "api_key" else context.params[name]
            words += [f"--{name.replace('_', '-')}", value]
    return shlex.join(words)


def _print_job(job: IndexJob, as_json: bool) -> None:
    print(json.dumps(job) if as_json else summary(job))


def _request(repository: str, name: str | None) -> dict[str, str]:
    """The body of POST /index: a path that exists here is a folder, all else the API's to judge."""
    try:
        folder = repositories.folder(repository)
    except StackError as error:
        raise ApiError(str(error), exit_code=exits.USAGE) from None
    if folder is None and repository.startswith("/"):
        folder = Path(repository)  # the API may be on another machine
    if folder is not None:
        return {"repository": name or repositories.local_name(folder), "localPath": str(folder)}
    if repositories.is_path(repository):
        raise ApiError(f"There is no folder {repository}.", exit_code=exits.USAGE)
    return {"repository": name or repository}


def _refusal(error: ApiError, request: Mapping[str, str], name: str | None) -> ApiError:
    """What the API refused, in the words of the command line."""
    if error.code == "repository_url_differs" and "localPath" in request:
        return ApiError(
            f"Another folder was indexed as {request['repository']}: "
            "give this one a name of its own by --name, such as local/other.",
            exit_code=error.exit_code,
        )
    return error.in_words(_INDEX_WORDS | ({"repository": "--name"} if name else {}))


def _client(url: str | None, key: str | None, user: str) -> Client:
    file = _settings().run_dir.absolute() / "dev.env"
    kept = _dev_env(file)
    url = url or kept.get("API_URL")
    if not url:
        raise ApiError(
            f"There is no API to ask, for there is no {file}: start one (make serve), run this in "
            "its folder or with its RUN_DIR=, or name it by --api-url or API_URL.",
            exit_code=exits.UNREACHABLE,
        )
    key = key or kept.get(f"{user.upper()}_KEY")
    if not key:
        raise ApiError(
            f"There is no key of {user} in {file}: give one by --api-key or API_KEY.",
            exit_code=exits.NO_ACCESS,
        )
    return Client(url, key, waiting=Terminal().say)


def _dev_env(file: Path) -> Mapping[str, str | None]:
    try:
        return dotenv_values(file, interpolate=False)
    except UnicodeDecodeError:
        raise StackError(f"{file} is damaged: remove it, make serve writes it again") from None


# --- keys ----------------------------------------------------------------------------------------


@keys.command("create", epilog=_KEY_CODES)
def create_key(
    name: Annotated[str, typer.Argument(help="What you call it.")],
    *,
    user: KeyOwner,
    expires: Annotated[
        datetime | None, typer.Option(help="When it stops working, UTC.", show_default="never")
    ] = None,
    as_json: Json = False,
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
) -> None:
    """Make a key and print it: the only time that it is seen."""
    until = f"{expires.isoformat()}Z" if expires else None
    with _keyring(user, database_url, data_dir) as (connection, user_id):
        key = stack.create_api_key(connection, user_id, name, until)
    Terminal().say(f"  key {key['key_id']} of {user}; keep it safe, it is not shown again")
    print(json.dumps(key, default=_text) if as_json else key["api_key"])
    Terminal().hint(f"export API_KEY=…, then {program()} index .")


@keys.command("list", epilog=_KEY_CODES)
def list_keys(
    user: KeyOwner,
    as_json: Json = False,
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
) -> None:
    """List the keys of a user, without their secrets."""
    with _keyring(user, database_url, data_dir) as (connection, user_id):
        rows = stack.list_api_keys(connection, user_id)
    if as_json:
        print(json.dumps(rows, default=_text))
        return
    for row in rows:
        state = "enabled" if row["enabled"] else "revoked"
        used = f"used {row['last_used_at']:%Y-%m-%d}" if row["last_used_at"] else "never used"
        until = f"until {row['expires_at']:%Y-%m-%d}" if row["expires_at"] else "for ever"
        print(f"{row['key_id']}  {state:<8} {until:<16} {used:<16} {row['name']}")


@keys.command("revoke", epilog=_KEY_CODES)
def revoke_key(
    key_id: Annotated[str, typer.Argument(help="The 16 digits after ij_, or the whole key.")],
    user: KeyOwner,
    as_json: Json = False,
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
) -> None:
    """Switch a key off for good; its next call gets 401."""
    public = key_id.split("_")[1] if key_id.startswith("ij_") else key_id
    with _keyring(user, database_url, data_dir) as (connection, user_id):
        row = stack.revoke_api_key(connection, user_id, public)
    Terminal().say(f"  key {public} is revoked")
    print(json.dumps(row, default=_text) if as_json else public)


@contextmanager
def _keyring(
    user: str, database_url: str | None, data_dir: Path | None
) -> Iterator[tuple[stack.Connection, str]]:
    options = _options(database_url, data_dir)
    with (
        stack.borrow(options, "index-jobs keys", create=False) as base,
        stack.connect(base.url) as connection,
    ):
        try:
            yield connection, _user_id(connection, user)
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedFunction):
            raise StackError("the database is empty: make serve or make migrate first") from None
        except psycopg.Error as error:
            if error.sqlstate == "PT404":
                raise ApiError(
                    f"{user} has no such key.", exit_code=exits.NOT_FOUND, code="NOT_FOUND"
                ) from None
            if error.sqlstate == "PT422":
                diag = error.diag
                field, hint = diag.column_name or "", diag.message_hint or ""
                text = f"{diag.message_primary}. {hint}".rstrip()
                raise StackError(message_about(field, text, _KEY_WORDS.get(field, field))) from None
            raise


def _user_id(connection: stack.Connection, user: str) -> str:
    people = (stack.ALICE, stack.BOB, stack.CAROL, seeding.DORA, seeding.EMIL, seeding.FAY)
    user_id = next((person.id for person in people if person.name == user), user)
    try:
        UUID(user_id)
    except ValueError:
        names = ", ".join(person.name for person in people)
        raise StackError(f"--user {user} is neither a user's id nor one of {names}") from None
    if not stack.user_exists(connection, user_id):
        raise StackError(f"there is no user {user} in the database (make serve makes alice & co.)")
    return user_id


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


# --- Supabase ------------------------------------------------------------------------------------


@projects.command(epilog=_PROJECT_CODES)
def install(
    directory: Annotated[Path, typer.Argument(help="The folder that holds supabase/.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what it would do.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Copy the migrations that a Supabase project lacks, after its own; prints the new files."""
    terminal = Terminal()
    plan = supabase.plan(directory.resolve())
    for copy in plan.there:
        edited = "; edited since, left as it is" if copy in plan.edited else ""
        terminal.say(f"  there  {copy.path.name}{edited}")
    for copy in plan.new:
        terminal.say(f"  new    {copy.path.name}")
    for clash in plan.clashes:
        terminal.say(f"  beware {clash}: db push will fail unless it is renamed before", "red")
    if not plan.new:
        terminal.say("  nothing to copy")
        return
    if not (dry_run or yes):
        if not sys.stdin.isatty():
            terminal.say("  nothing was copied, for nobody could be asked: say --yes", "red")
            raise typer.Exit(exits.FAILED)
        typer.confirm(f"Copy {len(plan.new)} files into {directory}?", abort=True, err=True)
    if not dry_run:
        supabase.carry_out(plan)
        terminal.say("  next: supabase db push, then index-jobs doctor --database-url …")
    for copy in plan.new:
        print(copy.path)


# --- development ---------------------------------------------------------------------------------


@app.command(
    rich_help_panel=_DEV,
    epilog=f"Exit codes: 0 stopped by Ctrl-C or SIGTERM · {exits.FAILED} it could not be started · "
    f"{exits.USAGE} wrong usage · 130 interrupted before it answered",
)
def serve(
    port: Annotated[
        int | None, typer.Option(envvar="PORT", show_default="54321 or the next free one")
    ] = None,
    host: Annotated[str | None, typer.Option(envvar="HOST", show_default="127.0.0.1")] = None,
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
) -> None:
    """Run Postgres, the API and its runner in the foreground until Ctrl-C."""
    settings = _settings(port=port, host=host)
    server.serve(settings, _options(database_url, data_dir), Terminal())


@app.command(
    rich_help_panel=_DEV,
    epilog=f"Exit codes: 0 the job completed, and all is as it should be · {exits.FAILED} not so · "
    f"{exits.USAGE} wrong usage · 130 interrupted by Ctrl-C",
)
def demo(
    repository: Annotated[
        str | None,
        typer.Argument(
            envvar="REPO",
            help="A folder, owner/name or an https URL.",
            show_default="this checkout",
        ),
    ] = None,
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
) -> None:
    """Index a repository over HTTP and show each step; prints the job's record."""
    options = _options(database_url, data_dir)
    try:
        demonstration.demo(repository, _settings(), options, Terminal())
    except ApiError as error:
        raise StackError(str(error.in_words(_DEMO_WORDS))) from None


@app.command(rich_help_panel=_DEV, epilog=_DEV_CODES)
def seed(as_json: Json = False, database_url: DatabaseUrl = None, data_dir: DataDir = None) -> None:
    """Fill the database with users, repositories and jobs to look at; prints the users' keys."""
    options, terminal = _options(database_url, data_dir), Terminal()
    with stack.borrow(options, "make seed", create=True, step=terminal.step) as base:
        stack.prepare(base, step=terminal.step)
        seeded = seeding.seed(base, options)
    news = f"{seeded.new_jobs} new jobs" if seeded.new_jobs else "nothing new"
    terminal.step(f"13 jobs of {', '.join(seeded.api_keys)}", None, news)
    if as_json:
        print(json.dumps(seeded.api_keys))
        return
    for name, key in seeded.api_keys.items():
        print(f"{name.upper()}_KEY={key}")


@app.command(rich_help_panel=_DEV, epilog=_DEV_CODES)
def migrate(database_url: DatabaseUrl = None, data_dir: DataDir = None) -> None:
    """Apply the migrations that are pending; prints their names."""
    options, terminal = _options(database_url, data_dir), Terminal()
    with stack.borrow(options, "make migrate", create=True, step=terminal.step) as base:
        for migration in stack.prepare(base, step=terminal.step):
            print(migration)


@app.command(rich_help_panel=_DEV, epilog=_DEV_CODES)
def rollback(
    count: Annotated[int, typer.Option(help="How many.", min=1, envvar="COUNT")] = 1,
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
) -> None:
    """Take the newest migrations back; prints their names."""
    options, terminal = _options(database_url, data_dir), Terminal()
    with stack.borrow(options, "make rollback", create=False, step=terminal.step) as base:
        undone = migrations.rollback(base.url, count)
    for migration in undone:
        print(migration)
    terminal.hint("make migrate applies what was rolled back again")


@app.command(
    rich_help_panel=_DEV,
    epilog=f"Exit codes: 0 all is as it should be · {exits.FAILED} something is to be mended, or "
    f"it cannot connect · {exits.USAGE} wrong usage · 130 interrupted by Ctrl-C",
)
def doctor(
    as_json: Json = False,
    as_sql: Annotated[
        bool, typer.Option("--sql", help="Print all functions and policies, to write them again.")
    ] = False,
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
) -> None:
    """Compare the database with this release, and API_DATABASE_URL's login with what it needs."""
    if as_sql:
        print(f"begin;\n\n{stamp.declared_sql()}\ncommit;")
        return
    options = _options(database_url, data_dir)
    with stack.borrow(options, "index-jobs doctor", create=False) as base:
        diagnosis = surgery.examine(base.url, options.api_database_url)
    if as_json:
        print(json.dumps({"ok": not diagnosis.findings, **asdict(diagnosis)}))
    else:
        _print_diagnosis(diagnosis)
    raise typer.Exit(exits.FAILED if diagnosis.findings else 0)


def _print_diagnosis(diagnosis: surgery.Diagnosis) -> None:
    for finding in diagnosis.findings:
        print(f"{finding.check} {finding.object}: {finding.problem}\n  mend: {finding.remedy}")
    count = len(diagnosis.findings)
    verdict = f"{count} to mend" if count else "all as it should be"
    Terminal().say(
        f"  Postgres {diagnosis.server}, schema {diagnosis.version or 'empty'}: {verdict}"
    )


@app.command(
    rich_help_panel=_DEV,
    epilog="Exit codes: those of psql (0 done · 1, 2, 3 not), and "
    f"{exits.FAILED} when there is no database",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def psql(
    context: typer.Context, database_url: DatabaseUrl = None, data_dir: DataDir = None
) -> None:
    """Open psql on the database, as its owner; more arguments go to psql."""
    options = _options(database_url, data_dir)
    with stack.borrow(options, "make psql", create=False) as base:
        program = base.server.bin("psql") if base.server else postgres_binaries() / "bin/psql"
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


def _options(database_url: str | None, data_dir: Path | None) -> Options:
    settings = _settings()
    secrets = {
        name: value.get_secret_value() if value else None
        for name, value in (
            ("jwt_secret", settings.jwt_secret),
            ("service_key", settings.service_key),
        )
    }
    return Options(
        run_dir=settings.run_dir,
        data_dir=data_dir,
        database_url=database_url,
        api_database_url=settings.api_database_url,
        worker_database_url=settings.worker_database_url,
        **secrets,
    )


def _settings(**flags: Any) -> Settings:
    return configuration.read(**{k: v for k, v in flags.items() if v is not None})
