"""Parser processes. Hostile source can make a parser hang, eat memory or crash: alone."""

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

# How often a parser may be killed before that is put down to what it parsed.
_KILLS = 5
_FORK = multiprocessing.get_context("fork")


class Source(NamedTuple):
    """One file to parse. Its number goes into the rows of its symbols."""

    file_no: int
    language: str
    content: bytes


class Rows(NamedTuple):
    """The symbols of a file, in COPY's text format."""

    number: int
    lines: bytes


# None for a source that could not be parsed within the limits, or whose syntax is another one.
Parsed = list[Rows | None]


class Parsers:
    """Parses batches in `limits.parsers` processes; the result that is there first comes first."""

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
        """Whether every batch was taken."""
        return not self._busy

    def give(self, batch: Sequence[Source]) -> None:
        worker = self._idle.pop()
        worker.give(batch)
        self._busy.append(worker)

    def take(self) -> Iterator[tuple[int, Rows | None]]:
        """The files of a batch given, by their numbers, with what was found in them."""
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
            with suppress(OSError):  # it was killed, as take will see
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
        # One of them took too long or crashed the parser: each gets a try of its own. One that was
        # killed from outside, even if it was by the kernel for its memory, gets another.
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
    """Parses what arrives until the other end closes."""
    guard.die_with_parent(parent_pid)
    guard.limit_memory(limits.parser_memory)
    gc.disable()  # nothing here refers to itself
    # Not the pipes of the parent, whose readers wait for their last writer.
    os.closerange(3, connection.fileno())
    os.closerange(connection.fileno() + 1, os.sysconf("SC_OPEN_MAX"))
    while True:
        try:
            batch: list[Source] = connection.recv()
        except EOFError:
            return
        for language in {source.language for source in batch}:
            symbols.grammar(language)  # loading it is not the fault of the source
        # In processor time, so that no row depends on what else the machine does; the signal ends
        # this process. One that waited would end with the time of the whole job.
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
