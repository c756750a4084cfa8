"""Connections to the database by the URLs that people write, and what is wrong with these."""

from __future__ import annotations

import asyncio
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool

from db.tools.logs import get_logger

logger = get_logger(__name__)

CONNECT_TIMEOUT = 10  # seconds

Result = TypeVar("Result")


class ConnectError(Exception):
    """Why a database URL leads to no connection and what to do about it, never the password."""


class BoundedConnection(psycopg.AsyncConnection[TupleRow]):
    """Waits at most `patience` seconds for each answer of the server; a block of COPY is one.

    After that it is closed, and the caller gets an OperationalError without a SQLSTATE, as when
    the server goes away: the statement may have been carried out or not.
    """

    patience: float = CONNECT_TIMEOUT

    async def wait(self, gen: PQGen[Result], *arguments: Any, **named: Any) -> Result:
        """What psycopg waits by, for all that goes over an open connection."""
        cut = asyncio.get_running_loop().call_later(self.patience, self._cut)
        try:
            return await super().wait(gen, *arguments, **named)
        finally:
            cut.cancel()

    @contextmanager
    def patient(self, seconds: float) -> Iterator[None]:
        """Waits so long meanwhile."""
        patience, self.patience = self.patience, seconds
        try:
            yield
        finally:
            self.patience = patience

    def _cut(self) -> None:
        # To close the descriptor here would leave it with the event loop; to cancel the task would
        # have psycopg wait for the server another ten seconds.
        logger.warning("no answer of the database: connection closed", seconds=self.patience)
        with suppress(OSError), socket.socket(fileno=os.dup(self.pgconn.socket)) as server:
            server.shutdown(socket.SHUT_RDWR)


def connect(url: str) -> psycopg.Connection[TupleRow]:
    """An autocommit connection. Raises ConnectError."""
    given = parameters(url)
    try:
        return psycopg.connect(**given, autocommit=True)
    except psycopg.OperationalError as error:
        raise ConnectError(_unreachable(given, error)) from None


def parameters(url: str) -> dict[str, Any]:
    """libpq's parameters for a plain postgresql:// URL. Raises ConnectError."""
    if not re.match(r"postgres(ql)?://", url):
        found = re.match(r"[A-Za-z][A-Za-z0-9+.-]*(?=://)", url)
        scheme = found[0] if found else "no scheme"
        raise ConnectError(
            f"the database URL has {scheme!r} where postgresql:// is needed: "
            "postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
        )
    try:
        given = dict(conninfo_to_dict(url))
    except psycopg.ProgrammingError:
        given = {}
    port = re.fullmatch(r"[0-9,]*", str(given.get("port", "")))
    if not given or not port or url.partition("?")[0].count("@") > 1:
        raise ConnectError(
            "the database URL cannot be read: percent-encode special characters in user and "
            "password (@ as %40, / as %2F, # as %23), give the port as a number, and after ? only "
            "what libpq knows, such as sslmode"
        )
    return {"connect_timeout": CONNECT_TIMEOUT, **given}


def place(url: str) -> str:
    """Where the database of a URL is, without the login: host:port/database."""
    given = parameters(url)
    host, port = given.get("host", "local socket"), given.get("port", 5432)
    return f"{host}:{port}/{given.get('dbname', given.get('user', ''))}"


async def keep_trying(pool: AsyncConnectionPool[BoundedConnection]) -> None:
    """For a pool's `reconnect_failed`: starts the next round, also when nobody asks for one."""
    await pool.check()


def _unreachable(given: dict[str, Any], error: psycopg.OperationalError) -> str:
    text = str(error)
    if password := given.get("password"):
        text = text.replace(str(password), "***")
    host, port = given.get("host", "the local socket"), given.get("port", 5432)
    user, database = given.get("user", "the system user"), given.get("dbname")
    remedies = (
        ("password authentication failed", f"the password of {user} is not the right one"),
        ("no password supplied", f"the URL needs a password for {user}"),
        (r'role ".*" does not exist', f"there is no login {user}; create it or name another"),
        (r'database ".*" does not exist', f"there is no database {database}; createdb {database}"),
        ("resolve host|name or service|translate host", f"there is no host {host}; check its name"),
        (
            "refused|timeout|timed out|unreachable|No such file",
            f"nothing answers at {host} port {port}; start Postgres there or correct the address",
        ),
    )
    for pattern, remedy in remedies:
        if re.search(pattern, text, re.I):
            return f"cannot connect to the database: {remedy}"
    return f"cannot connect to the database at {host} port {port}: {text.strip()}"
