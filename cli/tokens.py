"""`index-jobs token`: makes a JWT for a user, in development."""

from __future__ import annotations

import time
from typing import Annotated

import jwt
import typer

from cli.connection import connect
from cli.dev import people, stack
from cli.dev.secrets import Secrets
from cli.exit_codes import COMMON_CODES
from cli.options import DatabaseUrl, DataDir, settings_with, stack_options

app = typer.Typer()


@app.command(epilog=COMMON_CODES)
def token(
    user: Annotated[
        str, typer.Option("--user", help="A user id, or alice, bob or carol.")
    ] = "alice",
    minutes: Annotated[int, typer.Option(min=1, help="How long the token is valid.")] = 60,
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
) -> None:
    """Print a JWT for a user, like one from Supabase Auth. In development only."""
    settings, options = settings_with(), stack_options(database_url, data_dir)
    with (
        stack.use_database(options, "index-jobs token", create=False) as base,
        people.translate_errors(),
        connect(base.url) as connection,
    ):
        stack.require_development(base, "a token would let you act as any of its users")
        user_id = people.find(connection, user)
    now = int(time.time())
    claims = {
        "sub": user_id,
        "role": "authenticated",
        "aud": settings.jwt_audience,
        "iat": now,
        "exp": now + min(60 * minutes, settings.jwt_max_lifetime_seconds),
    }
    secret = options.jwt_secret or Secrets(options.run_dir).jwt_secret
    print(jwt.encode(claims, secret, "HS256"))
