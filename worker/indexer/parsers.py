"""Parser processes, so that a hang, a crash or high memory use affects one parser only."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import NamedTuple

from worker.indexer import copy_text, extraction, guard, symbols
from worker.indexer.protocol import Limits

# How many kills of a parser it takes to blame the source.
_KILLS = 5
_FORK = multiprocessing.get_context("fork")


class Source(NamedTuple):
    """One file to parse. The rows of its symbols contain its number."""

    file_no: int
    language: str
    content: bytes


class Rows(NamedTuple):
    """A file's symbols in COPY's text format."""

    number: int
    lines: bytes


# None for a source that exceeded the limits or does not match its grammar.
Parsed = list[Rows | None]


class Parsers:
    """Parses batches in `limits.parsers` processes. Returns results as they finish."""

    def __init__(self, limits: Limits) -> None:
        self._workers = [_Worker(limits) for _ in range(limits.parsers)]
        self._busy: list[_Worker] = []
        self._idle = list(self._workers)

    @property
    def is_full(self) -> bool:
        """Whether a result must be taken before the next batch can be given."""
        return not self._idle

    @property
    def is_empty(self) -> bool:
        """Whether all results have been taken."""
        return not self._busy

    def give(self, batch: Sequence[Source]) -> None:
        worker = self._idle.pop()
        worker.give(batch)
        self._busy.append(worker)

    def take(self) -> Iterator[tuple[int, Rows | None]]:
        """Returns the results of a batch, by the numbers of its files."""
        ready = wait([worker.connection for worker in self._busy])
        worker = next(each for each in self._busy if each.connection in ready)
        numbers = [source.file_no for source in worker.batch]
        parsed = worker.take()
        self._busy.remove(worker)
        self._idle.append(worker)
        return zip(numbers, parsed, strict=True)

    def close(self) -> None:
        for worker in self._workers:
            worker.stop()


class _Worker:
    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.batch: Sequence[Source] = ()
        self._kills = 0
        self._start()

    def _start(self) -> None:
        self.connection, theirs = _FORK.Pipe()
        self._process = _FORK.Process(
            target=_work, args=(theirs, os.getpid(), self._limits), daemon=True
        )
        self._process.start()
        theirs.close()

    def stop(self) -> None:
        self.connection.close()
        self._process.kill()
        self._process.join()

    def give(self, batch: Sequence[Source]) -> None:
        self.batch = batch
        if batch:
            with suppress(OSError):  # it was killed, which take will notice
                self.connection.send(batch)

    def take(self) -> Parsed:
        if not self.batch:
            return []
        try:
            parsed: Parsed = self.connection.recv()
        except (EOFError, OSError):
            self._process.join()
        else:
            return parsed
        # One of them took too long or crashed the parser, so parse each separately. If the parser
        # was killed from outside, even by the OOM killer, try again.
        batch = self.batch
        killed = self._process.exitcode == -signal.SIGKILL
        self.stop()
        self._start()
        self._kills += killed
        if len(batch) == 1 and not (killed and self._kills <= _KILLS):
            return [None]
        return [one for source in batch for one in self._parse([source])]

    def _parse(self, batch: Sequence[Source]) -> Parsed:
        self.give(batch)
        return self.take()


def _work(connection: Connection, parent_pid: int, limits: Limits) -> None:
    """Parses incoming batches until the other end closes."""
    guard.die_with_parent(parent_pid)
    guard.limit_memory(limits.parser_memory)
    gc.disable()  # nothing here has reference cycles
    # Closes the parent's pipes, whose readers wait for the last writer.
    os.closerange(3, connection.fileno())
    os.closerange(connection.fileno() + 1, os.sysconf("SC_OPEN_MAX"))
    while True:
        try:
            batch: list[Source] = connection.recv()
        except EOFError:
            return
        for language in {source.language for source in batch}:
            symbols.grammar(language)  # loading the grammar must not count against the source
        # In processor time, so that rows do not depend on the load of the machine. The signal ends
        # this process. A parser that only waits ends at the time limit of the job.
        signal.setitimer(signal.ITIMER_PROF, limits.parse_seconds)
        connection.send([_extract(source) for source in batch])


def _extract(source: Source) -> Rows | None:
    try:
        found = extraction.read(source.language, source.content)
    except (ValueError, MemoryError, RecursionError):
        return None
    if found is None:
        return None
    lines = "".join(copy_text.line(source.file_no, *symbol) for symbol in found)
    return Rows(len(found), lines.encode())
