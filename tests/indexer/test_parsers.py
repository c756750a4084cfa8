"""Parser processes: what ends them, and what does not."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from concurrent.futures import ProcessPoolExecutor

from api.indexer.parsers import Parsers, Source
from api.indexer.protocol import Limits
from tests.waiting import until


def test_a_parser_that_waits_for_a_processor_loses_no_symbols() -> None:
    # A parser's limit of memory is for a process of the indexer, not for one as large as this.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as other:
        assert other.submit(_symbols_of_a_parser_held_up).result() == 2


def _symbols_of_a_parser_held_up() -> int:
    parsers = Parsers(Limits(parsers=1, parse_seconds=0.5))
    [parser] = multiprocessing.active_children()
    assert parser.pid
    os.kill(parser.pid, signal.SIGSTOP)
    parsers.give([Source(1, "Python", b"def a(): ...\ndef b(): ...\n")])
    late = time.monotonic() + 1
    until(lambda: time.monotonic() > late)
    os.kill(parser.pid, signal.SIGCONT)
    [(_, rows)] = parsers.take()
    parsers.close()
    return rows.number if rows else 0
