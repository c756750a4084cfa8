"""Sample data (`make seed`): three users, ten completed jobs, two failed jobs and a stuck one.

Each completed job has its own repository, because a repository keeps only the rows of its last
completed job. So the stats of all ten can be checked against the rows. Failed jobs leave no rows.
The stuck job belongs to an external queue, so that no runner here claims it.

The SQL functions create and change the jobs. Then their times are moved into the past, which no
function allows. A second run finds every job by its idempotency key and changes nothing.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString
from uuid import NAMESPACE_URL, uuid5

from psycopg.types.json import Jsonb

from cli.connection import Connection, as_role, as_user, connect
from cli.dev.options import Options
from cli.dev.people import DORA, EMIL, FAY, Person, ensure_person
from cli.dev.secrets import Secrets
from cli.dev.stack import Database

COMPLETED = (  # owner, repository, hours ago
    (DORA, "dora/notes", 200),
    (EMIL, "emil/shop", 180),
    (FAY, "fay/atlas", 150),
    (DORA, "dora/website", 120),
    (EMIL, "emil/invoices", 100),
    (EMIL, "emil/mailer", 70),
    (FAY, "fay/billing", 50),
    (FAY, "fay/search", 30),
    (FAY, "fay/gateway", 9),
    (FAY, "fay/mobile", 2),
)
FAILED = (  # owner, repository, ref, hours ago, why
    (DORA, "dora/notes", "relaunch", 210, "There is no branch, tag or commit 'relaunch'."),
    (EMIL, "emil/shop", "main", 190, "The repository could not be cloned within 10 minutes."),
)
STUCK = (FAY, "fay/atlas", timedelta(minutes=47))

_CREATE: LiteralString = """
select j.id::text, j.status = 'pending'
from public.ensure_repository(p_full_name => %(name)s, p_git_url => %(git_url)s) as r
cross join lateral public.create_index_job(
  p_repository_id => r.id, p_ref => %(ref)s, p_idempotency_key => %(key)s) as j
"""

_MOVE: LiteralString = """
select from public.update_job_status(
  p_job_id => %s, p_status => %s, p_metadata => %s, p_attempt => %s,
  p_worker_id => '5eed0000-0000-4000-8000-000000000000')
"""

_COPY_FILES: LiteralString = """
copy private.incoming_files (file_no, path, language, bytes, blob_sha, symbol_count) from stdin
"""

_COPY_SYMBOLS: LiteralString = """
copy private.incoming_symbols (file_no, name, kind, start_line, end_line, parent) from stdin
"""

_COPY_SKIPPED: LiteralString = "copy private.incoming_skipped (path, reason) from stdin"

# No extractor has this name, so the repository's next job makes all rows again.
_COMPLETE: LiteralString = """
select public.complete_index(
  p_job_id => %s, p_attempt => 1, p_worker_id => null, p_extractor => 'seed',
  p_commit_sha => %s, p_stats => %s)
"""

_BACKDATE_JOB: LiteralString = """
update public.index_jobs as j
set created_at = %(created)s, started_at = %(started)s, completed_at = %(ended)s,
  heartbeat_at = %(heard)s, updated_at = %(heard)s
where j.id = %(job)s
"""

_BACKDATE_EVENTS: LiteralString = """
update public.index_job_events as e
set at = case e.event_no
  when 1 then %(created)s when 2 then %(started)s else %(ended)s end::timestamptz
where e.job_id = %(job)s
"""

_BACKDATE_DURATION: LiteralString = """
update private.index_durations as d
set ended_at = %(ended)s, seconds = extract(epoch from %(ended)s::timestamptz - %(started)s)
from public.index_jobs as j
where j.id = %(job)s and j.status = 'completed' and d.repository_id = j.repository_id
"""

_SOURCES = {"py": "Python", "ts": "TypeScript", "js": "JavaScript", "go": "Go"}
_LANGUAGES = {**_SOURCES, "md": "Markdown", "toml": "TOML", "LICENSE": None}
_KINDS = ("function", "method", "class", "interface", "type", "constant")
_WORDS = (
    "account",
    "batch",
    "cache",
    "event",
    "filter",
    "index",
    "order",
    "queue",
    "token",
    "user",
)


@dataclass(frozen=True)
class SeedResult:
    """The result of seeding: a key for each user, and the number of new jobs."""

    api_keys: dict[str, str]
    new_jobs: int


def seed(base: Database, options: Options) -> SeedResult:
    """Adds the sample data to a migrated database. Raises CommandError."""
    kept = Secrets(options.run_dir)
    now = datetime.now(UTC)
    new = 0
    with connect(base.url) as connection:
        people = (DORA, EMIL, FAY)
        keys = {p.name: ensure_person(connection, p, kept, options) for p in people}
        for person, repository, hours in COMPLETED:
            new += _seed_completed(connection, person, repository, now - timedelta(hours=hours))
        for person, repository, ref, hours, error in FAILED:
            start = now - timedelta(hours=hours)
            new += _seed_failed(connection, person, repository, start, ref=ref, error=error)
        person, repository, ago = STUCK
        new += _seed_stuck(connection, person, repository, now - ago)
    return SeedResult(keys, new)


def _seed_completed(
    connection: Connection, person: Person, repository: str, start: datetime
) -> bool:
    dice = random.Random(repository)  # noqa: S311 - the same data each time
    files = _files(dice)
    symbols = _symbols(dice, files)
    skipped = dice.randint(1, 12)
    stats = {
        "files_indexed": len(files),
        "files_unchanged": 0,
        "symbols_extracted": len(symbols),
        "files_skipped": skipped,
        "bytes": sum(file["bytes"] for file in files),
        "languages": Counter(file["language"] for file in files if file["language"]),
        "skipped": {"binary": skipped},
        "unparsed": 0,
    }
    with connection.transaction():
        job = _create(connection, person, repository, "main", "completed")
        if job is None:
            return False
        with as_role(connection, "service_role"):
            connection.execute(_MOVE, (job, "processing", Jsonb({}), None))
            _copy(connection, _COPY_FILES, [tuple(file.values()) for file in files])
            _copy(connection, _COPY_SYMBOLS, [tuple(symbol.values()) for symbol in symbols])
            images = [(f"assets/image_{number}.png", "binary") for number in range(skipped)]
            _copy(connection, _COPY_SKIPPED, images)
            connection.execute(_COMPLETE, (job, dice.randbytes(20).hex(), Jsonb(stats)))
        _backdate(connection, job, start, start + timedelta(seconds=dice.randint(20, 150)))
    return True


def _copy(connection: Connection, statement: LiteralString, rows: list[tuple[Any, ...]]) -> None:
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def _seed_failed(
    connection: Connection,
    person: Person,
    repository: str,
    start: datetime,
    *,
    ref: str,
    error: str,
) -> bool:
    with connection.transaction():
        job = _create(connection, person, repository, ref, "failed")
        if job is None:
            return False
        with as_role(connection, "service_role"):
            connection.execute(_MOVE, (job, "processing", Jsonb({}), None))
            connection.execute(_MOVE, (job, "failed", Jsonb({"error": error}), 1))
        _backdate(connection, job, start, start + timedelta(seconds=40))
    return True


def _seed_stuck(connection: Connection, person: Person, repository: str, start: datetime) -> bool:
    with connection.transaction():
        job = _create(connection, person, repository, "main", "stuck")
        if job is None:
            return False
        queue_job = uuid5(NAMESPACE_URL, job)
        with as_role(connection, "service_role"):
            connection.execute(
                "select from public.link_queue_job(p_job_id => %s, p_queue_job_id => %s)",
                (job, queue_job),
            )
            connection.execute(_MOVE, (job, "processing", Jsonb({}), None))
            connection.execute(
                "select from public.report_job_progress(p_job_id => %s, p_attempt => 1,"
                " p_phase => 'symbols', p_done => 87, p_total => 164)",
                (job,),
            )
        _backdate(connection, job, start, None)
    return True


def _create(
    connection: Connection, person: Person, repository: str, ref: str, outcome: str
) -> str | None:
    """Returns the id of a new pending job, or None if an earlier run created it."""
    arguments = {
        "name": repository,
        "git_url": f"https://git.example.com/{repository}.git",
        "ref": ref,
        "key": f"seed:{outcome}:{repository}",
    }
    with as_user(connection, person.id):
        row = connection.execute(_CREATE, arguments).fetchone()
    return str(row[0]) if row and row[1] else None


def _backdate(connection: Connection, job: str, created: datetime, ended: datetime | None) -> None:
    """Moves the times of the job and its events into the past, as the owner of the tables."""
    started = created + timedelta(seconds=1)
    times: dict[str, Any] = {
        "job": job,
        "created": created,
        "started": started,
        "ended": ended,
        "heard": ended or started + timedelta(minutes=2),
    }
    tables = () if _sees_all_rows(connection) else ("index_jobs", "index_job_events")
    for table in tables:
        connection.execute(f"alter table public.{table} no force row level security")
    connection.execute(_BACKDATE_JOB, times)
    connection.execute(_BACKDATE_EVENTS, times)
    connection.execute(_BACKDATE_DURATION, times)
    for table in tables:
        connection.execute(f"alter table public.{table} force row level security")


def _sees_all_rows(connection: Connection) -> bool:
    row = connection.execute(
        "select r.rolsuper or r.rolbypassrls from pg_roles as r where r.rolname = current_user"
    ).fetchone()
    return bool(row and row[0])


def _files(dice: random.Random) -> list[dict[str, Any]]:
    """Returns 50 to 200 rows for incoming_files."""
    files: dict[str, dict[str, Any]] = {}
    for number in range(dice.randint(50, 200)):
        suffix = dice.choice([*_LANGUAGES])
        path = f"src/{dice.choice(_WORDS)}/{dice.choice(_WORDS)}_{number}.{suffix}"
        files[path] = {
            "file_no": number,
            "path": path,
            "language": _LANGUAGES[suffix],
            "bytes": dice.randint(200, 20_000),
            "blob_sha": dice.randbytes(20).hex(),
            "symbol_count": 0,
        }
    return list(files.values())


def _symbols(dice: random.Random, files: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns 500 to 2,000 rows for incoming_symbols, and counts them in their files."""
    sources = [file for file in files if file["language"] in _SOURCES.values()]
    symbols = []
    for number in range(dice.randint(500, 2000)):
        kind = dice.choice(_KINDS)
        word = dice.choice(_WORDS)
        line = dice.randint(1, 400)
        file = dice.choice(sources)
        file["symbol_count"] += 1
        symbols.append(
            {
                "file_no": file["file_no"],
                "name": f"{word}_{number}",
                "kind": kind,
                "start_line": line,
                "end_line": line + dice.randint(0, 40),
                "parent": word.title() if kind == "method" else None,
            }
        )
    return symbols
