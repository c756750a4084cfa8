"""Checks once at startup whether the process's login can do its work.

Transient problems (the database is down or not migrated yet) do not prevent the start.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg import sql

from db.tools.connection import ConnectError, RefusedError, connect
from db.tools.logs import Logger
from db.tools.settings import EnvironmentSettings, SettingError, misspelled_settings

_SECONDS: Final = 2
# Returns no row before the first migration.
_MAY: Final = """
select
  current_user::text,
  bool_and(has_schema_privilege(p.pronamespace, 'usage'))
    and bool_and(has_function_privilege(p.oid, 'execute')),
  coalesce(bool_and(pg_has_role(r.oid, 'member')), false),
  coalesce(bool_and(pg_has_role(r.oid, 'usage')), false)
from pg_proc as p
left join pg_roles as r on r.rolname = %s
where p.pronamespace = to_regnamespace('public') and p.proname = %s
having count(*) > 0
"""


@dataclass(frozen=True)
class DatabaseLogin:
    """A database login that a process needs."""

    setting: str
    """The variable that sets the login."""
    role: str
    """The role that the login must be a member of."""
    function: str
    """A function that the role can execute."""


API: Final = DatabaseLogin("API_DATABASE_URL", "job_http", "api_get_job_status")
WORKER: Final = DatabaseLogin("WORKER_DATABASE_URL", "job_worker", "claim_index_job")


def require_login(login: DatabaseLogin, url: str) -> None:
    """Raises SettingError if the database is up and will never let the login do its work."""
    try:
        with connect(url, _SECONDS) as connection:
            row = connection.execute(_MAY, (login.role, login.function)).fetchone()
            major = connection.info.server_version // 10_000
    except RefusedError as error:
        raise SettingError(f"{login.setting}: {error}") from None
    except (ConnectError, psycopg.Error):
        return
    if row is None or row[1]:
        return
    user, _, is_member, inherits = row
    raise SettingError(
        f"{login.setting}: the login {user} may not execute {login.function}(), unlike members of "
        f"{login.role}; {_remedy(login.role, user, major, is_member, inherits)}"
    )


def _remedy(role: str, user: str, major: int, is_member: bool, inherits: bool) -> str:
    names = sql.Identifier(role).as_string(), sql.Identifier(user).as_string()
    if inherits:
        return "run index-jobs doctor, which says what to fix"
    if not is_member:
        return "run: grant {} to {}".format(*names)
    if major >= 16:
        return "run: grant {} to {} with inherit true".format(*names)
    return "run: alter role {1} inherit".format(*names)


def warn_about_misspelled_settings(logger: Logger, *settings: type[EnvironmentSettings]) -> None:
    """Logs variables that nothing reads but that look like one of the settings."""
    for variable, nearest in misspelled_settings(*settings):
        logger.warning(
            "nothing reads this variable; is it misspelled?", variable=variable, nearest=nearest
        )
