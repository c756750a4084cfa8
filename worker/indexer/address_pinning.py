"""Resolves a host name once, and only to addresses on the public internet."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from worker.indexer.protocol import IndexingError
from worker.indexer.source import Source

_UNICAST = IPv6Network("2000::/3")
# NAT64 keeps the IPv4 address to connect to in the last 32 bits.
_NAT64 = IPv6Network("64:ff9b::/96")
# Networks that some Python releases call global although they are not, at least in part: protocols,
# relays and a cloud's host; Teredo and benchmarks, relays, documentation.
_SPECIAL = [
    ip_network(network)
    for network in (
        "168.63.129.16/32",
        "192.0.0.0/24",
        "192.88.99.0/24",
        "2001::/23",
        "2002::/16",
        "3fff::/20",
    )
]
# Errors of this machine or its name server, which say nothing about the name.
_NO_ANSWER = {socket.EAI_AGAIN, socket.EAI_FAIL, socket.EAI_MEMORY, socket.EAI_SYSTEM}

Address = IPv4Address | IPv6Address


def pin(source: Source, *, proxied: bool) -> str | None:
    """Returns what git uses instead of resolving the source's host: host:port:address,address.

    Returns None if git need not resolve it: a file, a literal address, or a proxy that does it.
    Raises IndexingError host_not_found, host_unreachable if no name server answers, and
    address_not_allowed if any address is not public and the source is not trusted.
    """
    written = _literal(source.host)
    if source.protocol == "file" or (proxied and not written):
        return None
    addresses = [written] if written else _look_up(source.host, source.port)
    if not source.trusted and not all(map(is_public, addresses)):
        raise IndexingError(
            "address_not_allowed",
            "The host of the repository address is not on the public internet.",
        )
    if written:
        return None
    return f"{source.host}:{source.port}:{','.join(map(str, addresses))}"


def is_public(address: Address) -> bool:
    """Whether the address is on the internet: not private, local, shared or reserved."""
    if isinstance(address, IPv6Address):
        if address in _NAT64:
            return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
        if address not in _UNICAST:
            return False
    if any(address in network for network in _SPECIAL):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _literal(host: str) -> Address | None:
    """Returns the address if the host is a literal address, or None for a name."""
    try:
        return ip_address(host.strip("[]"))
    except ValueError:
        return None


def _look_up(host: str, port: int) -> list[Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        if isinstance(error, OSError) and error.errno in _NO_ANSWER:
            raise IndexingError(
                "host_unreachable",
                "The host of the repository address could not be looked up. Try again later.",
            ) from None
        raise IndexingError(
            "host_not_found", "The host of the repository address does not exist."
        ) from None
    # A link-local address has a %scope. It is refused with or without it.
    texts = dict.fromkeys(str(place[0]).partition("%")[0] for *_, place in found)
    return [ip_address(text) for text in texts]
