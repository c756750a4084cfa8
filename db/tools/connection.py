"""Connections to the database by the URLs that people write, and what is wrong with these."""

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
    """Why a database URL leads to no connection and what to do about it, never the password."""


class RefusedError(ConnectError):
    """The server was reached and will not let this login in, however often it tries."""


class BoundedConnection(psycopg.AsyncConnection[TupleRow]):
    """A session that can write, with the settings that all have.

    It waits at most `patience` seconds for each answer of the server; a block of COPY is one.

    After that it is closed, and the caller gets an OperationalError without a SQLSTATE, as when
    the server goes away: the statement may have been carried out or not.
    """

    patience: float = CONNECT_TIMEOUT
    statement_timeout: float = 0
    is_pooled: bool = False
    """Whether a pooler stands between: then each transaction may have another session."""

    @classmethod
    async def connect(cls, *arguments: Any, **named: Any) -> Self:
        """As psycopg's, with a `statement_timeout` in seconds. A deque named `failures` gets what
        goes wrong, which a pool keeps to itself, and is emptied once something goes right."""
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
        """What psycopg waits by, for all that goes over an open connection."""
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
        """Closes the connection when its session is to blame for the error, so that a pool makes
        another one, and raises why. What was asked may have had the same error, so the session is
        asked itself."""
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


def connect(
    url: str, seconds: int = CONNECT_TIMEOUT, *, statement_timeout: float = STATEMENT_TIMEOUT
) -> psycopg.Connection[TupleRow]:
    """An autocommit connection with the settings of all sessions.

    Connecting may take `seconds`, unless the URL has its own limit, and each statement
    `statement_timeout` seconds; 0 is no limit.

    Raises ConnectError, a RefusedError when the server refuses the login.
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
    """Whether the server was reached, and refuses the login until somebody changes something.

    libpq tells why it cannot connect in words alone, those of the server's lc_messages: what is not
    in English counts as an outage.
    """
    return any(re.search(pattern, str(error), re.I) for pattern, _ in _REFUSALS)


def refusal_or(error: psycopg.Error) -> psycopg.Error:
    """The error, with the SQLSTATE of a refused login if it is one."""
    if error.sqlstate is None and is_refusal(error):
        return psycopg.errors.InvalidAuthorizationSpecification(str(error))
    return error


def parameters(url: str, seconds: int = CONNECT_TIMEOUT) -> dict[str, Any]:
    """libpq's parameters for a plain postgresql:// URL, in UTF-8, with a limit of `seconds`
    to connect unless it has its own. Raises ConnectError."""
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
    return {"connect_timeout": seconds, **given, "client_encoding": "utf8"}


def place(url: str) -> str:
    """Where the database of a URL is, without the login: host:port/database."""
    given = parameters(url)
    host, port = given.get("host", "local socket"), given.get("port", 5432)
    return f"{host}:{port}/{given.get('dbname', given.get('user', ''))}"


async def keep_trying(pool: AsyncConnectionPool[BoundedConnection]) -> None:
    """For a pool's `reconnect_failed`: starts the next round, also when nobody asks for one."""
    await pool.check()


# What libpq says -> what to do.
_REFUSALS: Final = (
    ("password authentication failed", "the password of {user} is not the right one"),
    ("SASL authentication failed", "the password of {user} is not the right one"),
    ("no password supplied", "the URL needs a password for {user}"),
    (r'role ".*" does not exist', "there is no login {user}; create it or name another"),
    (
        "not permitted to log in",
        "{user} may not log in; alter role {quoted_user} login, or name another",
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
        "pg_hba.conf of the server has no line that lets {user} in from here",
    ),
    ("server does not support SSL", "the server has no TLS, which sslmode in the URL asks for"),
    ("certificate verify failed", "the server's certificate is not of an authority that is known"),
)
_OUTAGES: Final = (
    ("resolve host|name or service|translate host", "there is no host {host}; check its name"),
    (
        "refused|timeout|timed out|unreachable|No such file",
        "nothing answers at {host} port {port}; start Postgres there or correct the address",
    ),
)


def quoted(name: object) -> str:
    """A name as SQL has it, whatever is in it."""
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
