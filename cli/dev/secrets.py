"""The secrets of the development stack: passwords, API keys and the key that signs tokens.

All are random, created once and kept in RUN_DIR/secrets.json.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt

from cli.errors import CommandError

TOKEN_YEARS = 10


class Secrets:
    """RUN_DIR/secrets.json, readable by its owner only."""

    def __init__(self, run_dir: Path) -> None:
        self._path = run_dir / "secrets.json"
        try:
            self._kept: dict[str, Any] = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            self._kept = {}
        except ValueError:
            raise CommandError(
                f"{self._path} is damaged: remove it to create new secrets"
            ) from None

    @property
    def jwt_secret(self) -> str:
        return self._once("jwt_secret", lambda: secrets.token_urlsafe(48))

    def password(self, login: str) -> str:
        return self._once(f"password of {login}", lambda: secrets.token_urlsafe(24))

    def token(self, role: str, secret: str) -> str:
        """Returns an API key like Supabase's: a token for the role, the same in every run."""
        issued = int(self._once("tokens issued at", lambda: str(int(time.time()))))
        claims = {"iss": "index-jobs", "role": role, "iat": issued}
        claims |= {"exp": issued + TOKEN_YEARS * 365 * 86_400}
        return jwt.encode(claims, secret, "HS256")

    def api_key(self, database: str, person: str) -> str | None:
        key: str | None = self._kept.get("api_keys", {}).get(database, {}).get(person)
        return key

    def keep_api_key(self, database: str, person: str, key: str) -> None:
        self._kept.setdefault("api_keys", {}).setdefault(database, {})[person] = key
        self._save()

    def _once(self, name: str, make: Callable[[], str]) -> str:
        if name not in self._kept:
            self._kept[name] = make()
            self._save()
        return str(self._kept[name])

    def _save(self) -> None:
        write_private(self._path, json.dumps(self._kept, indent=2) + "\n")


def write_private(path: Path, text: str) -> None:
    """Replaces the file atomically. Only its owner can read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(
        os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
    ) as file:
        file.write(text)
    draft.replace(path)
