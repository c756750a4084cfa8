"""Decodes files to UTF-8 with line feeds, and reads the end of files."""

from __future__ import annotations

import codecs
import os
import re
from pathlib import Path

# The longer marks first: UTF-32's begins with UTF-16's.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LONE_RETURNS = re.compile(rb"\r+(?![\r\n])")


def decoded_text(content: bytes) -> bytes:
    """Converts content with a UTF-16 or UTF-32 byte order mark to UTF-8."""
    if content[:2] not in {b"\xff\xfe", b"\xfe\xff", b"\0\0"}:
        return content
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            try:
                return content.decode(encoding).encode()
            except UnicodeError:  # binary data that starts like text
                return content
    return content


def with_line_feeds(source: bytes) -> bytes:
    """Replaces each carriage return that ends a line alone with a line feed.

    Offsets stay the same.
    """
    if b"\r" not in source or source.count(b"\r") == source.count(b"\r\n"):
        return source
    return _LONE_RETURNS.sub(lambda run: b"\n" * len(run[0]), source)


def last_bytes(path: Path, count: int) -> bytes:
    """Returns the last `count` bytes of a file, or all of a shorter one."""
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - count))
        return file.read(count)
