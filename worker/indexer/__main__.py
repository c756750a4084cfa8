"""`python -m worker.indexer REQUEST.json`: one job; with `-`, a server of jobs.

The package describes the protocol of a job, `worker.indexer.server` that of the server.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import traceback
from pathlib import Path

from worker.indexer import guard, job, server
from worker.indexer.protocol import Event, IndexingError, Limits, Request


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: python -m worker.indexer REQUEST.json | -", file=sys.stderr)
        return 2
    if arguments == ["-"]:
        asked = server.serve()
        return 0 if asked is None else run(*asked)
    return run(Path(arguments[0]), os.getppid())


def run(path: Path, parent_pid: int) -> int:
    """Runs the job of the request file at `path` in this process. Returns its exit code.

    Ends at once unless `parent_pid` is its parent, and when that process ends.
    """
    try:
        request = Request.read(path)
    except IndexingError as error:
        _fail(error)
        return 1
    guard.die_with_parent(parent_pid)
    guard.watch(request.scratch, request.limits, _fail)
    guard.lower_priority()
    guard.limit_each(request.limits)
    try:
        _emit(job.run(request, _emit))
    except Exception as error:
        _fail(_reason(error, request.limits))
        return 1
    return 0


def _reason(error: Exception, limits: Limits) -> IndexingError:
    match error:
        case IndexingError():
            return error
        case MemoryError():
            return guard.exceeded("memory_limit", limits)
        case OSError(errno=errno.EFBIG):
            return guard.exceeded("scratch_limit", limits)
    traceback.print_exception(error)
    return IndexingError("internal_error", "The indexer failed. Try again later.")


def _fail(error: IndexingError) -> None:
    _emit({"event": "error", "code": error.code, "message": error.message})


def _emit(event: Event) -> None:
    print(json.dumps(event), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
