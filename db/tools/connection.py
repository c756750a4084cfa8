"""Connects to the database by URL, and explains what is wrong with a URL."""

from __future__ import annotations

import asyncio
import os
import re
import socket
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, Self, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool

from db.tools import sessions
from db.tools.logs import get_logger

logger = get_logger(__name__)

CONNECT_TIMEOUT = 10  # seconds
STATEMENT_TIMEOUT = 60.0  # seconds, of a command's statement

Result = TypeVar("Result")


class ConnectError(Exception):
    """Says why a database URL does not work and what to do. Never contains the password."""


class RefusedError(ConnectError):
    """The server was reached and refuses this login. Retrying does not help."""


class BoundedConnection(psycopg.AsyncConnection[TupleRow]):
    """A session that can write, with the settings of all sessions.

    Waits at most `patience` seconds for each answer of the server, or each block of a COPY.

    After that it is closed, and the caller gets an OperationalError without a SQLSTATE, as when the
    server goes away. The statement may or may not have been executed.
    """

    patience: float = CONNECT_TIMEOUT
    statement_timeout: float = 0
    is_pooled: bool = False
    """Whether there is a pooler: then each transaction may run in a different session."""

    @classmethod
    async def connect(cls, *arguments: Any, **named: Any) -> Self:
        """Like psycopg's connect, with a `statement_timeout` in seconds.

        Appends errors, which a pool would hide, to the deque `failures`. Clears it on success.
        """
        statement_timeout: float = named.pop("statement_timeout")
        failures: deque[psycopg.Error] | None = named.pop("failures", None)
        try:
            connection = await super().connect(*arguments, **named)
            connection.statement_timeout = statement_timeout
            try:
                connection.is_pooled = await sessions.begin_session(connection, statement_timeout)
                await connection.set_isolation_level(psycopg.IsolationLevel.READ_COMMITTED)
            except BaseException:
                await connection.close()
                raise
        except psycopg.Error as error:
            if failures is not None:
                failures.append(refusal_or(error))
            raise
        if failures is not None:
            failures.clear()
        return connection

    async def wait(self, gen: PQGen[Result], *arguments: Any, **named: Any) -> Result:
        """Overrides how psycopg waits for everything on an open connection."""
        cut = asyncio.get_running_loop().call_later(self.patience, self._cut)
        try:
            return await super().wait(gen, *arguments, **named)
        except psycopg.InternalError as error:
            if error.sqlstate is not None:
                raise
            # a pooler that has lost the server's session may answer one statement twice
            self.pgconn.finish()
            raise psycopg.OperationalError(str(error)) from error
        finally:
            cut.cancel()

    async def raise_if_useless(self, error: psycopg.Error) -> None:
        """Closes the connection if its session caused the error, and raises the reason.

        A pool then opens a new one. Checks the session itself, because the statement may have
        caused the same error.
        """
        if not sessions.blames_session(error):
            return
        try:
            if isinstance(error, psycopg.errors.InsufficientPrivilege):
                raise error
            await sessions.begin_session(self, self.statement_timeout)
        except psycopg.Error:
            await self.close()
            raise

    @contextmanager
    def patient(self, seconds: float) -> Iterator[None]:
        """Sets `patience` until the block ends."""
        patience, self.patience = self.patience, seconds
        try:
            yield
        finally:
            self.patience = patience

    def _cut(self) -> None:
        # Closing the descriptor here would leave it in the event loop. Cancelling the task would
        # make psycopg wait another ten seconds for the server.
        logger.warning("no answer from the database: connection closed", seconds=self.patience)
        with suppress(OSError), socket.socket(fileno=os.dup(self.pgconn.socket)) as server:
            server.shutdown(socket.SHUT_RDWR)


def connect(
    url: str, seconds: int = CONNECT_TIMEOUT, *, statement_timeout: float = STATEMENT_TIMEOUT
) -> psycopg.Connection[TupleRow]:
    """Returns an autocommit connection with the settings of all sessions.

    Connecting can take `seconds`, unless the URL sets its own limit, and each statement
    `statement_timeout` seconds. 0 means no limit.

    Raises ConnectError, or its subclass RefusedError if the server refuses the login.
    """
    given = parameters(url, seconds)
    try:
        connection = psycopg.connect(**given, autocommit=True)
        connection.execute(sessions.session_settings_sql(statement_timeout).encode())
        return connection
    except psycopg.OperationalError as error:
        kind = RefusedError if is_refusal(error) else ConnectError
        raise kind(_unreachable(given, error)) from None


def is_refusal(error: psycopg.Error) -> bool:
    """Whether the server was reached and refuses the login until its operator changes something.

    libpq gives the reason only as text in the server's lc_messages. Text that is not English counts
    as an outage.
    """
    return any(re.search(pattern, str(error), re.I) for pattern, _ in _REFUSALS)


def refusal_or(error: psycopg.Error) -> psycopg.Error:
    """Returns the error, with an SQLSTATE if it is a refused login."""
    if error.sqlstate is None and is_refusal(error):
        return psycopg.errors.InvalidAuthorizationSpecification(str(error))
    return error


def parameters(url: str, seconds: int = CONNECT_TIMEOUT) -> dict[str, Any]:
    """Returns libpq's parameters for a postgresql:// URL, with UTF-8.

    `seconds` limits connecting, unless the URL sets its own limit. Raises ConnectError.
    """
    if not re.match(r"postgres(ql)?://", url):
        found = re.match(r"[A-Za-z][A-Za-z0-9+.-]*(?=://)", url)
        scheme = found[0] if found else "no scheme"
        raise ConnectError(
            f"the database URL begins with {scheme!r}, but must begin with postgresql://: "
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
            "password (@ as %40, / as %2F, # as %23), use a number for the port, and after ? only "
            "parameters of libpq, such as sslmode"
        )
    return {"connect_timeout": seconds, **given, "client_encoding": "utf8"}


def place(url: str) -> str:
    """Returns host:port/database of a URL, without the login."""
    given = parameters(url)
    host, port = given.get("host", "local socket"), given.get("port", 5432)
    return f"{host}:{port}/{given.get('dbname', given.get('user', ''))}"


async def keep_trying(pool: AsyncConnectionPool[BoundedConnection]) -> None:
    """For a pool's `reconnect_failed`: starts the next round, even without a waiting call."""
    await pool.check()


# libpq's message -> what to do.
_REFUSALS: Final = (
    ("password authentication failed", "the password of {user} is wrong"),
    ("SASL authentication failed", "the password of {user} is wrong"),
    ("no password supplied", "the URL needs a password for {user}"),
    (r'role ".*" does not exist', "there is no login {user}; create it or use another"),
    (
        "not permitted to log in",
        "{user} may not log in; alter role {quoted_user} login, or use another",
    ),
    (
        r'database ".*" does not exist',
        "there is no database {database}; create database {quoted_database}",
    ),
    (
        "permission denied for database",
        "{user} may not connect; grant connect on database {quoted_database} to {quoted_user}",
    ),
    (
        "no pg_hba.conf entry|pg_hba.conf rejects",
        "the server's pg_hba.conf has no line that lets {user} in from here",
    ),
    (
        "server does not support SSL",
        "the server does not support TLS, which sslmode in the URL requires",
    ),
    ("certificate verify failed", "the server's certificate is not from a known authority"),
)
_OUTAGES: Final = (
    ("resolve host|name or service|translate host", "host {host} does not exist; check its name"),
    (
        "refused|timeout|timed out|unreachable|No such file",
        "nothing answers at {host} port {port}; start Postgres there or correct the address",
    ),
)


def quoted(name: object) -> str:
    """Returns a name quoted for SQL."""
    return '"' + str(name).replace('"', '""') + '"'


def _unreachable(given: dict[str, Any], error: psycopg.OperationalError) -> str:
    text = str(error)
    if password := given.get("password"):
        text = text.replace(str(password), "***")
    words = {
        "host": given.get("host", "the local socket"),
        "port": given.get("port", 5432),
        "user": given.get("user", "the system user"),
        "database": given.get("dbname", given.get("user", "")),
    }
    words |= {f"quoted_{name}": quoted(words[name]) for name in ("user", "database")}
    for pattern, remedy in (*_REFUSALS, *_OUTAGES):
        if re.search(pattern, text, re.I):
            return f"cannot connect to the database: {remedy.format(**words)}"
    return "cannot connect to the database at {host} port {port}: ".format(**words) + text.strip()
