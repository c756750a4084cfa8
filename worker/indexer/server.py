"""Forks an indexer for each job from a process that has loaded what all of them need.

The standard input of `python -m worker.indexer -` is a stream socket. Each message is the path of a
request file, with the indexer's standard output and standard error and, optionally, its standard
input. The indexer works in the folder of that file. The first line of its output is its process id,
which leads its own session; the protocol of a job follows. The server ends when the other end of
the socket closes or its parent ends, and its indexers end with it.
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
    """Returns, in each new indexer, the path of its request and the id of its parent process.

    Returns None in the server when it ends.
    """
    guard.die_with_parent(os.getppid())
    for language in GRAMMARS:
        grammar(language)
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no process waits for an indexer
    server = os.getpid()
    with socket.socket(fileno=0) as jobs:
        while True:
            message, descriptors, _, _ = socket.recv_fds(jobs, _MESSAGE_BYTES, 3)
            if not message:
                return None
            try:
                if not os.fork():
                    break
            except OSError as error:  # the job ends with its output; the others continue
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
