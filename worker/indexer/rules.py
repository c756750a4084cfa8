"""Validates refs, commit hashes and repository addresses, like the SQL functions.

The indexer checks its arguments before git sees them. Each function accepts the same values as the
function with its name in db/functions/private. A test compares them.
"""

from __future__ import annotations

import re
import socket
from ipaddress import IPv4Address, IPv6Address

_LONGEST_REF = 255
_LONGEST_URL = 2048
# Characters that make a line look different: C0 and C1 controls, line separators, bidi controls.
# Unpaired surrogates are not text.
_HIDDEN = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
# The rules of git-check-ref-format, and no leading dash.
_BAD_REF = re.compile(r"^-|^@$|^[/.]|[/.]$|/\.|//|\.\.|@\{|\.lock(?:/|$)|[ ~^:?*\[\\]")
_COMMIT_SHA = re.compile(r"[0-9a-fA-F]{40}")

_FILE_URL = re.compile(r"file://(?:localhost)?/[^ ?#][^?#]*", re.IGNORECASE)
_REMOTE_URL = re.compile(
    r"https?://(?P<host>[a-z0-9.-]+|\[[0-9a-f:.]+\]\.?)(?P<port>:[1-9][0-9]{0,4})?"
    r"/+[a-z0-9._~!$&'()*+,;=:@%-][a-z0-9._~!$&'()*+,;=:@%/-]*",
    re.IGNORECASE,
)
_CREDENTIALS = re.compile(r"://(?:[^/]*|.*:.*)@")
_ENCODED_CONTROL = re.compile(r"%(?:[01][0-9a-f]|7f)", re.IGNORECASE)
_PARENT = re.compile(r"(?:/|%2f)(?:\.|%2e){2}(?:/|%2f|$)", re.IGNORECASE)
# If the last label is a number, programs disagree on the IPv4 address.
_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")
_LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")


def is_git_ref(text: str) -> bool:
    """Whether git accepts the text as the name of a branch, a tag or a commit."""
    return 0 < len(text) <= _LONGEST_REF and not (_HIDDEN.search(text) or _BAD_REF.search(text))


def is_commit_sha(text: str) -> bool:
    """Whether the text is a full commit hash of 40 hexadecimal digits."""
    return _COMMIT_SHA.fullmatch(text) is not None


def is_git_url(text: str) -> bool:
    """Whether the text can be a repository's address: an http, https or file URL, or a path."""
    if len(text) > _LONGEST_URL or _HIDDEN.search(text) or "\\" in text:
        return False
    if text.startswith("/"):
        return text[1:2] not in {"", " "}
    if _ENCODED_CONTROL.search(text):
        return False
    if _FILE_URL.fullmatch(text):
        return True
    remote = _REMOTE_URL.fullmatch(text)
    return (
        remote is not None
        and int((remote["port"] or ":0")[1:]) <= 65535
        and not _CREDENTIALS.search(text)
        and not _PARENT.search(text)
        and host(remote["host"]) is not None
    )


def _ipv6(text: str) -> str:
    """Returns an IPv6 address in the same normalized form as Postgres."""
    return socket.inet_ntop(socket.AF_INET6, IPv6Address(text).packed)


def host(text: str) -> str | None:
    """Returns the host in lower case without a trailing dot, or None if it is invalid."""
    name = text.lower().removesuffix(".")
    try:
        if name.startswith("["):
            return f"[{_ipv6(name[1:].removesuffix(']'))}]"
        if _NUMBER.fullmatch(name):
            return str(IPv4Address(name))
    except ValueError:
        return None
    return name if _NAME.fullmatch(name) else None
