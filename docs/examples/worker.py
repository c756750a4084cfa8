"""A whole worker in one file: it takes one job, indexes it, and stores the rows.

    pip install 'psycopg[binary]'
    WORKER_DATABASE_URL=postgresql://… python docs/examples/worker.py

The login is a member of job_worker and needs no other role. This worker finds `def` and `class` in
Python files with a regular expression, and trusts its repositories: what a hostile one could do,
and the limits against it, are in docs/security.md. Exit code 0: the job ended, or there was none.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import uuid
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from psycopg.types.json import Jsonb

WORKER_ID = str(uuid.uuid4())
LEASE = "30 seconds"
# Change this whenever the same files would produce other rows.
EXTRACTOR = "example-worker 1.0"
SKIPPED_ROWS = 10_000
DEFINITION = re.compile(r"^(?:async )?(def|class) (\w+)", re.MULTILINE)
KINDS = {"def": "function", "class": "class"}


class Rows(NamedTuple):
    files: list[tuple[Any, ...]]
    symbols: list[tuple[Any, ...]]
    skipped: list[tuple[str, str]]


def main() -> None:
    with psycopg.connect(os.environ["WORKER_DATABASE_URL"], autocommit=True) as connection:
        job = connection.execute(
            "select j.id, j.attempt, j.ref, j.commit_sha"
            " from public.claim_index_job(p_worker_id => %s, p_lease => %s::interval) as j",
            (WORKER_ID, LEASE),
        ).fetchone()
        if job is None:
            print("there is nothing to do")
            return
        job_id, attempt, ref, commit_sha = job
        try:
            answer = work(connection, job_id, attempt, commit_sha or ref)
        except psycopg.Error as error:
            if error.sqlstate not in ("PT404", "PT409"):
                raise
            answer = f"dropped: {error.diag.message_primary}"  # the job is somebody else's now
        except (OSError, subprocess.SubprocessError):
            connection.execute(
                "select from public.fail_job_attempt(p_job_id => %s, p_attempt => %s,"
                " p_error => %s, p_retryable => true)",
                (job_id, attempt, "The repository could not be read."),
            )
            answer = "failed"
        print(f"job {job_id} attempt {attempt}: {answer}")


def work(connection: psycopg.Connection[Any], job_id: uuid.UUID, attempt: int, ref: str) -> str:
    """Indexes the job's repository and completes the job; returns what complete_index says."""
    [(git_url,)] = connection.execute(
        "select git_url from public.begin_index("
        "p_job_id => %s, p_attempt => %s, p_extractor => %s)",
        (job_id, attempt, EXTRACTOR),
    )
    rows = Rows([], [], [])
    reasons: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        git(folder, "init", "--quiet")
        git(folder, "fetch", "--quiet", "--depth=1", git_url, ref)
        git(folder, "checkout", "--quiet", "FETCH_HEAD")
        commit = git(folder, "rev-parse", "FETCH_HEAD").decode().strip()
        entries = git(folder, "ls-files", "-s", "-z").split(b"\0")[:-1]
        total = len(entries)
        for number, entry in enumerate(entries, 1):
            reason = index(Path(folder), number, entry, rows)
            if reason:
                reasons[reason] += 1
            if number % 100 == 0 and cancelled(connection, job_id, attempt, number, total):
                return "cancelled"

    stats = {
        "files_indexed": len(rows.files),
        "symbols_extracted": len(rows.symbols),
        "files_skipped": reasons.total(),
        "skipped": reasons,
    }
    with connection.transaction():  # the rows and the status: both, or neither
        copy(connection, "incoming_files (file_no, path, language, bytes, blob_sha, symbol_count)",
             rows.files)  # fmt: skip
        copy(connection, "incoming_symbols (file_no, name, kind, start_line, end_line, parent)",
             rows.symbols)  # fmt: skip
        copy(connection, "incoming_skipped (path, reason)", rows.skipped[:SKIPPED_ROWS])
        [(answer,)] = connection.execute(
            "select public.complete_index(p_job_id => %s, p_attempt => %s, p_worker_id => %s,"
            " p_extractor => %s, p_commit_sha => %s, p_stats => %s,"
            " p_phase => 'symbols', p_done => %s, p_total => %s)",
            (job_id, attempt, WORKER_ID, EXTRACTOR, commit, Jsonb(stats), total, total),
        )
    return str(answer)


def index(folder: Path, number: int, entry: bytes, rows: Rows) -> str | None:
    """Adds the rows of one line of `git ls-files`; returns the reason if the file is skipped."""
    described, name = entry.split(b"\t", 1)
    mode, blob_sha, _ = described.decode().split()
    path = name.decode(errors="backslashreplace")
    reason = {"120000": "symlink", "160000": "submodule"}.get(mode)
    content = b"" if reason else (folder / os.fsdecode(name)).read_bytes()
    if b"\0" in content:
        reason = "binary"
    if reason:
        rows.skipped.append((path, reason))
        return reason
    found = []
    if path.endswith(".py"):
        text = content.decode(errors="replace")
        for match in DEFINITION.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            found.append((number, match[2], KINDS[match[1]], line, line, None))
    language = "Python" if path.endswith(".py") else None
    rows.files.append((number, path, language, len(content), blob_sha, len(found)))
    rows.symbols.extend(found)
    return None


def cancelled(
    connection: psycopg.Connection[Any], job_id: uuid.UUID, attempt: int, done: int, total: int
) -> bool:
    """Renews the lease and shows how far the work is; ends the job if its user asked for that."""
    [(asked,)] = connection.execute(
        "select cancel_requested from public.report_job_progress(p_job_id => %s, p_attempt => %s,"
        " p_phase => 'symbols', p_done => %s, p_total => %s, p_lease => %s::interval)",
        (job_id, attempt, done, total, LEASE),
    )
    if asked:
        connection.execute(
            "select from public.update_job_status(p_job_id => %s, p_status => 'cancelled',"
            " p_attempt => %s)",
            (job_id, attempt),
        )
    return bool(asked)


def copy(connection: psycopg.Connection[Any], target: str, rows: list[tuple[Any, ...]]) -> None:
    with connection.cursor().copy(f"copy private.{target} from stdin".encode()) as sent:
        for row in rows:
            sent.write_row(row)


def git(folder: str, *arguments: str) -> bytes:
    return subprocess.run(
        ["git", "-C", folder, *arguments], check=True, stdout=subprocess.PIPE
    ).stdout


if __name__ == "__main__":
    main()
