"""Reads a source file whose syntax may be broken, or a dialect of its grammar."""

from __future__ import annotations

from worker.indexer.masks import masked
from worker.indexer.symbols import Symbol, grammar, symbols_of
from worker.indexer.text import with_line_feeds


def extract(language: str, source: bytes) -> list[Symbol]:
    """The symbols of `source` in its order; what can be had where the syntax is broken.

    `language` is one of GRAMMARS. Time and memory have no limit here: hostile source can take
    much of both.
    """
    text = masked(language, with_line_feeds(source))
    parser, _ = grammar(language)
    return symbols_of(language, text, parser.parse(text).root_node)
