"""Parser processes and the limits that end them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.support.waiting import until
from worker.indexer.parsers import Parsers, Source
from worker.indexer.protocol import Limits


def test_parser_that_waits_for_a_cpu_loses_no_symbols() -> None:
    # A parser's memory limit suits a process of the indexer, not the larger test process.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as other:
        assert other.submit(_symbols_of_a_parser_held_up).result() == 50_000


def _symbols_of_a_parser_held_up() -> int:
    limit = 3
    parsers = Parsers(Limits(parsers=1, parse_seconds=limit))
    [parser] = multiprocessing.active_children()
    assert parser.pid
    parsers.give([Source(1, "Python", b"")])  # to load the grammar
    list(parsers.take())
    before = _processor_time(parser.pid)
    parsers.give([Source(2, "Python", b"def a(): ...\n" * 50_000)])
    until(lambda: _processor_time(parser.pid) > before + 0.05)
    os.kill(parser.pid, signal.SIGSTOP)
    late = time.monotonic() + limit + 0.5
    until(lambda: time.monotonic() > late)
    os.kill(parser.pid, signal.SIGCONT)
    [(_, rows)] = parsers.take()
    [same] = multiprocessing.active_children()
    assert same.pid == parser.pid
    parsers.close()
    return rows.number if rows else 0


def _processor_time(pid: int | None) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
