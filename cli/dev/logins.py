"""Creates the database logins for the API and the runner of the development stack."""

from __future__ import annotations

from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from psycopg import sql

from cli.connection import Connection, connect
from cli.errors import CommandError

API_LOGIN, WORKER_LOGIN = "index_jobs_api", "index_jobs_worker"


def ensure_login(connection: Connection, url: str, login: str, group: str, password: str) -> str:
    """Creates a login that can connect and is a member of one group. Returns its URL."""
    cipher = connection.pgconn.encrypt_password(
        password.encode(), login.encode(), b"scram-sha-256"
    ).decode()
    with connection.transaction():
        connection.execute("select pg_advisory_xact_lock(hashtextextended('index_jobs:login', 0))")
        row = connection.execute("select from pg_roles where rolname = %s", (login,)).fetchone()
        verb = sql.SQL("create" if row is None else "alter")
        connection.execute(
            sql.SQL("{} role {} login password {}").format(
                verb, sql.Identifier(login), sql.Literal(cipher)
            )
        )
        member = connection.execute("select pg_has_role(%s, %s, 'member')", (login, group))
        if member.fetchone() != (True,):
            connection.execute(
                sql.SQL("grant {} to {}").format(sql.Identifier(group), sql.Identifier(login))
            )
        connection.execute(
            sql.SQL("grant connect on database {} to {}").format(
                sql.Identifier(connection.info.dbname), sql.Identifier(login)
            )
        )
    return _url_as(url, login, password)


def use_login(connection: Connection, url: str, login: str, group: str, password: str) -> str:
    """Like ensure_login, but never changes an existing login, which others may use.

    Raises CommandError if the login exists with a different password.
    """
    row = connection.execute("select from pg_roles where rolname = %s", (login,)).fetchone()
    if row is None:
        return ensure_login(connection, url, login, group, password)
    own = _url_as(url, login, password)
    try:
        connect(own).close()
    except CommandError:
        setting = "API_DATABASE_URL" if login == API_LOGIN else "WORKER_DATABASE_URL"
        raise CommandError(
            f"the login {login} already exists with another password. It is unchanged, because "
            "the database of DATABASE_URL is not marked for development. Set "
            f"{setting} to a login that is a member of {group}, or mark the database for "
            "development: index-jobs dev init"
        ) from None
    return own


def _url_as(url: str, user: str, password: str) -> str:
    """Returns the URL of the same database with another login."""
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    others = [(k, v) for k, v in parse_qsl(parts.query) if k not in {"user", "password"}]
    return parts._replace(
        netloc=f"{quote(user)}:{quote(password, safe='')}@{place}", query=urlencode(others)
    ).geturl()
