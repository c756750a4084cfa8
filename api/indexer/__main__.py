"""`python -m api.indexer REQUEST.json`: one job. The protocol stands in the package."""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path

from api.indexer import guard, job
from api.indexer.protocol import Event, Failure, IndexingError, Request


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: python -m api.indexer REQUEST.json", file=sys.stderr)
        return 2
    parent_pid = os.getppid()
    try:
        request = Request.read(Path(arguments[0]))
        guard.die_with_parent(request.parent_pid or parent_pid)
        guard.lead_group()
        guard.set_deadline(request.limits.seconds)
        _emit(job.run(request, _emit))
    except IndexingError as error:
        _emit(_failure(error.code, error.message))
        return 1
    except Exception:
        traceback.print_exc()
        _emit(_failure("internal_error", "The indexer failed. Try again later."))
        return 1
    return 0


def _failure(code: str, message: str) -> Failure:
    return {"event": "error", "code": code, "message": message}


def _emit(event: Event) -> None:
    print(json.dumps(event), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
