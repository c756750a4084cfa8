"""Forks an indexer for each job, out of a process that holds what all of them need.

`python -m worker.indexer -` has a stream socket as its standard input. A message there is the path
of a request file, with the standard output and the standard error of the indexer, and perhaps its
standard input; it works in the folder of that file. The first line of its output is the number of
its process, which leads a session of its own; the protocol of a job follows. The server ends when
the socket's other end closes or its parent ends, and its indexers end with it.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
from pathlib import Path

from worker.indexer import guard
from worker.indexer.languages import GRAMMARS
from worker.indexer.symbols import grammar

_MESSAGE_BYTES = 16384


def serve() -> tuple[Path, int] | None:
    """Returns in each new indexer the path of its request and the process that it may not outlive.

    Returns None in the server, at its end.
    """
    guard.die_with_parent(os.getppid())
    for language in GRAMMARS:
        grammar(language)
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for an indexer
    server = os.getpid()
    with socket.socket(fileno=0) as jobs:
        while True:
            message, descriptors, _, _ = socket.recv_fds(jobs, _MESSAGE_BYTES, 3)
            if not message:
                return None
            try:
                if not os.fork():
                    break
            except OSError as error:  # the job ends with its output; the others go on
                print(f"cannot fork an indexer: {error}", file=sys.stderr, flush=True)
            for descriptor in descriptors:
                os.close(descriptor)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    path = Path(os.fsdecode(message))
    os.setsid()
    os.chdir(path.parent)
    os.environ["TMPDIR"] = str(path.parent)
    if len(descriptors) < 3:
        descriptors.append(os.open(os.devnull, os.O_RDONLY))
    for number, descriptor in zip((1, 2, 0), descriptors, strict=True):
        _redirect(number, descriptor)
    print(os.getpid(), flush=True)
    return path, server


def _redirect(number: int, descriptor: int) -> None:
    os.dup2(descriptor, number)
    if descriptor != number:
        os.close(descriptor)
