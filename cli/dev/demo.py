"""`make demo`: indexes a repository over HTTP and shows every step."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import socket

from rich.console import Console

from api.main import make_app
from api.records import UNFINISHED, IndexJob
from cli.client import ApiError, Client, Created
from cli.connection import Connection, as_role, connect
from cli.dev import serve, stack
from cli.dev.directory_lock import DirectoryLockedError, lock_data_dir
from cli.dev.options import Options
from cli.dev.people import BOB, CAROL
from cli.dev.settings import StackSettings
from cli.errors import CommandError
from cli.local_repository import folder_of, is_path, local_name
from cli.paths import program
from cli.terminal import Terminal, summary
from db.tools import logs

NAME = "make demo"
CHECKOUT = Path(__file__).resolve().parents[2]

_LOOK_EVERY = 0.25
_ADVICE = "make demo REPO=/path/to/a/repository, REPO=owner/name or REPO=https://…"


@dataclass(frozen=True)
class DemoApi:
    """The addresses of the demo's API and database, and the keys of its users."""

    url: str
    database_url: str
    carol_key: str
    bob_key: str
    note: str


def demo(
    repository: str | None, settings: StackSettings, options: Options, terminal: Terminal
) -> None:
    """Indexes `repository`, or this checkout, and prints the job's record on stdout.

    Raises CommandError, ApiError, PostgresError or MigrationError if a step fails. Each is a
    sentence.
    """
    request = request_for(repository)
    with _place(settings, options, terminal) as place:
        with Client(place.url, place.carol_key, waiting=terminal.say) as carol:
            created = _create(carol, request, terminal)
            job = _follow(carol, created.job_id, terminal)
            record = carol.get_job_status(job["id"])
        terminal.say(f"  {summary(record)}", "bold")
        Console(highlight=False, soft_wrap=True).print_json(json.dumps(record), highlight=True)
        if record["status"] != "completed":
            raise CommandError(f"the job {record['status']}: {record['error_message']}")
        _check_rows(place, record, terminal)
        _check_isolation(place, record, terminal)
        terminal.say(f"  next: {place.note}{program()} --help · docs/http.md")


def request_for(repository: str | None) -> dict[str, str]:
    """Returns the body of POST /index. Raises CommandError if there is nothing to index."""
    if repository is None:
        if not (CHECKOUT / ".git").exists():
            raise CommandError(f"{CHECKOUT} is not a git checkout (it has no .git): {_ADVICE}")
        return _local_request(CHECKOUT, "local/this-project")
    folder = folder_of(repository)
    if folder is not None:
        return _local_request(folder, local_name(folder))
    is_name = re.fullmatch(r"[\w.-]+/[\w.-]+", repository, re.ASCII)
    if repository.startswith("https://") or (is_name and not is_path(repository)):
        return {"repository": repository}
    raise CommandError(
        f"REPO={_shown(repository)} is neither a folder nor the address of a repository: {_ADVICE}"
    )


def _shown(repository: str) -> str:
    """Returns the URL without credentials, for the terminal."""
    return re.sub("//.*@", "//…@", repository)


def _local_request(path: Path, name: str) -> dict[str, str]:
    if _git(path, "rev-parse", "--git-dir") is None:
        raise CommandError(f"{path} is not a git repository (it has no .git): {_ADVICE}")
    commit = _git(path, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    if commit is None:
        raise CommandError(f"{path} has no commits yet: commit something, or {_ADVICE}")
    request = {"repository": name, "localPath": str(path)}
    branch = _git(path, "symbolic-ref", "--quiet", "--short", "HEAD")
    return request | ({"ref": branch} if branch else {"commit_sha": commit})


def _git(path: Path, *arguments: str) -> str | None:
    """Returns the output of git in that folder, or None if git fails."""
    command = ["git", "-c", "safe.directory=*", "-C", str(path), *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, encoding="utf-8", errors="replace", check=False
        )
    except FileNotFoundError:
        raise CommandError(
            "git is not installed: install it, for example with apt install git"
        ) from None
    return done.stdout.strip() if done.returncode == 0 else None


def _api(settings: StackSettings, listener: socket) -> AbstractContextManager[str]:
    return serve.in_background(make_app(settings, settings), listener)


@contextmanager
def _place(settings: StackSettings, options: Options, terminal: Terminal) -> Iterator[DemoApi]:
    """Yields the API of a running `make serve` on the same data, or starts a temporary one."""
    running = _running(options)
    if running is not None:
        with stack.database(options, step=terminal.step) as base:
            stack.require_development(base, stack.DEMO_USERS)
            parts = stack.add_logins_and_users(base, options, step=terminal.step)
            terminal.step(f"API of {serve.NAME} at {running}")
            keys = parts.api_keys
            yield DemoApi(running, base.url, keys[CAROL.name], keys[BOB.name], "")
        return
    logs.set_up(logging.WARNING)
    settings = settings.model_copy(update={"host": "127.0.0.1", "runner_grace_seconds": 0})
    with (
        lock_data_dir(options, NAME) as ready,
        serve.listen_as_set(settings, terminal) as listener,
        stack.up(options, step=terminal.step, users=True) as parts,
        _api(serve.on_stack(settings, parts), listener) as url,
    ):
        ready(url)
        terminal.step(f"API at {url}")
        keys = parts.api_keys
        note = f"{serve.NAME} · "
        yield DemoApi(url, parts.database.url, keys[CAROL.name], keys[BOB.name], note)


def _running(options: Options) -> str | None:
    """Returns the address of a running `make serve`, or None. Waits while it starts."""
    deadline = time.monotonic() + stack.PATIENCE
    while True:
        try:
            with lock_data_dir(options, NAME):
                return None
        except DirectoryLockedError as error:
            holder = error.holder
            if holder.what == serve.NAME and holder.api_url:
                return holder.api_url
            if holder.what != serve.NAME or time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _create(carol: Client, request: dict[str, str], terminal: Terminal) -> Created:
    """Creates the job. Adds a suffix if an earlier demo used the name for another folder."""
    terminal.say("")
    try:
        return _post(carol, request, terminal)
    except ApiError as error:
        if error.code != "repository_url_differs" or "localPath" not in request:
            raise
        suffix = hashlib.sha256(request["localPath"].encode()).hexdigest()[:6]
        return _post(carol, request | {"repository": f"{request['repository']}-{suffix}"}, terminal)


def _post(carol: Client, request: dict[str, str], terminal: Terminal) -> Created:
    shown = request | {"repository": _shown(request["repository"])}
    terminal.say(f"  POST /index  {json.dumps(shown, ensure_ascii=False)}")
    created = carol.create_index_job(request)
    told = {name: value for name, value in created.answer.items() if name != "runId"}
    words = "  ".join(f"{name} {value}" for name, value in (told or created.answer).items())
    terminal.say(f"  202  {words}   {1000 * created.seconds:.0f} ms")
    return created


def _follow(carol: Client, job_id: str, terminal: Terminal) -> IndexJob:
    with terminal.following() as view:
        for job in carol.follow(job_id, every=_LOOK_EVERY):
            if job["status"] in UNFINISHED:
                view.show(job)
    return job


@dataclass(frozen=True)
class _IndexRows:
    """The row counts of a repository, and those in the stats of its last completed job."""

    files: int
    symbols: int
    reported_files: int
    reported_symbols: int
    job_id: str


_INDEX_ROWS = """
select
  (select count(*) from public.indexed_files as f where f.repository_id = %(repository)s),
  (select count(*) from public.symbols as s where s.repository_id = %(repository)s),
  (j.stats ->> 'files_indexed')::bigint, (j.stats ->> 'symbols_extracted')::bigint, j.id::text
from public.index_jobs as j
where j.repository_id = %(repository)s and j.status = 'completed'
order by j.completed_at desc
limit 1
"""


def _count_index_rows(connection: Connection, repository_id: str) -> _IndexRows | None:
    """Counts in one snapshot. Returns None if no job of the repository has completed."""
    with as_role(connection, "service_role"):
        row = connection.execute(_INDEX_ROWS, {"repository": repository_id}).fetchone()
    return None if row is None else _IndexRows(*row)


def _check_rows(place: DemoApi, job: IndexJob, terminal: Terminal) -> None:
    """Compares the job's stats with the rows of the tables."""
    with connect(place.database_url) as connection:
        rows = _count_index_rows(connection, job["repository_id"])
    if rows is None:
        raise CommandError(f"the tables have no rows of job {job['id']}")
    last, counted = rows.job_id, f"{rows.files:,} indexed_files, {rows.symbols:,} symbols"
    if (rows.files, rows.symbols) != (rows.reported_files, rows.reported_symbols):
        raise CommandError(
            f"the tables have {counted}, but job {last} says"
            f" {rows.reported_files:,} and {rows.reported_symbols:,}"
        )
    whose = "the same" if last == job["id"] else f"as job {last} says, which replaced them since"
    terminal.step(f"select count(*): {counted}: {whose}")


def _check_isolation(place: DemoApi, job: IndexJob, terminal: Terminal) -> None:
    """Checks that another tenant cannot see the job."""
    with Client(place.url, place.bob_key, waiting=terminal.say) as bob:
        try:
            bob.get_job_status(job["id"])
        except ApiError as error:
            if error.code == "NOT_FOUND":
                terminal.step("bob asks for the same job: 404 Not Found")
                return
            raise
    raise CommandError("bob sees carol's job: row-level security is broken")
