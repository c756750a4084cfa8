"""`index-jobs keys`: manages a user's API keys in the database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer

from cli.client import ApiError, message_about
from cli.connection import Connection, connect
from cli.dev import people, stack
from cli.errors import CommandError
from cli.exit_codes import ExitCode
from cli.options import DatabaseUrl, DataDir, Json, stack_options
from cli.paths import program
from cli.terminal import Terminal, escape_invisible
from cli.users import create_api_key, list_api_keys, revoke_api_key

_CODES = f"""Exit codes: 0 done · {ExitCode.FAILED} failed · {ExitCode.USAGE} wrong usage ·
{ExitCode.NOT_FOUND} the user has no such key · 130 interrupted by Ctrl-C"""

# a field of the database -> the option or argument for it
_WORDS = {"name": "NAME", "expires_at": "--expires"}

app = typer.Typer()
keys = typer.Typer(
    help="Create, list and revoke API keys in the database.",
    epilog=_CODES,
    no_args_is_help=True,
)
app.add_typer(keys, name="keys")

KeyOwner = Annotated[
    str,
    typer.Option("--user", help="A user id, or alice, bob or carol.", show_default=False),
]


@keys.command("create", epilog=_CODES)
def create_key(
    name: Annotated[str, typer.Argument(help="A name for the key.")],
    *,
    user: KeyOwner,
    expires: Annotated[
        datetime | None, typer.Option(help="When the key expires, in UTC.", show_default="never")
    ] = None,
    as_json: Json = False,
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
) -> None:
    """Create a key and print it. It is never shown again."""
    until = f"{expires.isoformat()}Z" if expires else None
    with _keyring(user, database_url, data_dir) as (connection, user_id):
        key = create_api_key(connection, user_id, name, until)
    Terminal().say(f"  key {key['key_id']} of {user}; store it safely, it is not shown again")
    print(json.dumps(key, default=_text) if as_json else key["api_key"])
    Terminal().hint(f"export API_KEY=…, then {program()} index .")


@keys.command("list", epilog=_CODES)
def list_keys(
    user: KeyOwner,
    as_json: Json = False,
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
) -> None:
    """List a user's keys, without their secrets."""
    with _keyring(user, database_url, data_dir) as (connection, user_id):
        rows = list_api_keys(connection, user_id)
    if as_json:
        print(json.dumps(rows, default=_text))
        return
    for row in rows:
        state = "enabled" if row["enabled"] else "revoked"
        used = f"used {row['last_used_at']:%Y-%m-%d}" if row["last_used_at"] else "never used"
        until = f"until {row['expires_at']:%Y-%m-%d}" if row["expires_at"] else "never expires"
        print(f"{row['key_id']}  {state:<8} {until:<16} {used:<16} {escape_invisible(row['name'])}")


@keys.command("revoke", epilog=_CODES)
def revoke_key(
    key_id: Annotated[str, typer.Argument(help="The 16 digits after ij_, or the whole key.")],
    user: KeyOwner,
    as_json: Json = False,
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
) -> None:
    """Revoke a key permanently. Its next call gets a 401."""
    public = key_id.split("_")[1] if key_id.startswith("ij_") else key_id
    with _keyring(user, database_url, data_dir) as (connection, user_id):
        row = revoke_api_key(connection, user_id, public)
    Terminal().say(f"  key {public} is revoked")
    print(json.dumps(row, default=_text) if as_json else public)


@contextmanager
def _keyring(
    user: str, database_url: str | None, data_dir: Path | None
) -> Iterator[tuple[Connection, str]]:
    options = stack_options(database_url, data_dir)
    with (
        stack.use_database(options, "index-jobs keys", create=False) as base,
        connect(base.url) as connection,
    ):
        try:
            with people.translate_errors():
                yield connection, people.find(connection, user)
        except psycopg.Error as error:
            if error.sqlstate == "PT404":
                raise ApiError(
                    f"{user} has no such key.", exit_code=ExitCode.NOT_FOUND, code="NOT_FOUND"
                ) from None
            if error.sqlstate == "PT422":
                diag = error.diag
                field, hint = diag.column_name or "", diag.message_hint or ""
                text = f"{diag.message_primary}. {hint}".rstrip()
                raise CommandError(message_about(field, text, _WORDS.get(field, field))) from None
            raise


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
