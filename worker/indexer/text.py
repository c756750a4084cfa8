"""The bytes of a file: as UTF-8 whose lines end with a line feed, and their end."""

from __future__ import annotations

import codecs
import os
import re
from pathlib import Path

# The longer mark first: that of UTF-32 begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LONE_RETURNS = re.compile(rb"\r+(?![\r\n])")


def decoded_text(content: bytes) -> bytes:
    """The content as UTF-8 where its byte order mark says UTF-16 or UTF-32; else as it is."""
    if content[:2] not in {b"\xff\xfe", b"\xfe\xff", b"\0\0"}:
        return content
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            try:
                return content.decode(encoding).encode()
            except UnicodeError:  # bytes that begin like a text
                return content
    return content


def with_line_feeds(source: bytes) -> bytes:
    """The source with a line feed for each carriage return that ends a line alone.

    No byte moves.
    """
    if b"\r" not in source or source.count(b"\r") == source.count(b"\r\n"):
        return source
    return _LONE_RETURNS.sub(lambda run: b"\n" * len(run[0]), source)


def last_bytes(path: Path, count: int) -> bytes:
    """The last `count` bytes of a file, or all of a shorter one."""
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - count))
        return file.read(count)
