"""What a process looks at once before it serves: whether its login can ever do its work.

What passes by itself (the database is down, or not migrated yet) is no reason not to start.
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
# No row before the first migration.
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
    """A part of the product that has a login of the database."""

    setting: str
    """The variable that names the login."""
    role: str
    """What the login has to be a member of."""
    function: str
    """One that the role may execute."""


API: Final = DatabaseLogin("API_DATABASE_URL", "job_http", "api_get_job_status")
WORKER: Final = DatabaseLogin("WORKER_DATABASE_URL", "job_worker", "claim_index_job")


def require_login(login: DatabaseLogin, url: str) -> None:
    """Raises SettingError when the database is there and will never let the part do its work."""
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
        f"{login.setting}: the login {user} may not execute {login.function}(), as members of "
        f"{login.role} may; {_remedy(login.role, user, major, is_member, inherits)}"
    )


def _remedy(role: str, user: str, major: int, is_member: bool, inherits: bool) -> str:
    names = sql.Identifier(role).as_string(), sql.Identifier(user).as_string()
    if inherits:
        return "run index-jobs doctor, which says what to mend"
    if not is_member:
        return "run: grant {} to {}".format(*names)
    if major >= 16:
        return "run: grant {} to {} with inherit true".format(*names)
    return "run: alter role {1} inherit".format(*names)


def warn_about_misspelled_settings(logger: Logger, *settings: type[EnvironmentSettings]) -> None:
    """Names the variables that nothing reads and that look like one of the settings."""
    for variable, nearest in misspelled_settings(*settings):
        logger.warning(
            "nothing reads this variable; is it misspelled?", variable=variable, nearest=nearest
        )
