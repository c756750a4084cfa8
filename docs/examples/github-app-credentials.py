#!/usr/bin/env python3
"""A credential helper that prints a token of a GitHub App, for one repository and one hour.

    GITHUB_APP_ID=123456                       of the App's page
    GITHUB_APP_KEY=/etc/index-jobs/app.pem     its private key
    GITHUB_INSTALLATIONS=/etc/index-jobs/installations.json
                                               {"<tenant id>": <installation id>, …}
    GITHUB_HOST, GITHUB_API_URL                of GitHub Enterprise; github.com without

Needs PyJWT and httpx, which index-jobs brings. docs/private-repositories.md says how to set it up.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import httpx
import jwt

HOST = os.environ.get("GITHUB_HOST", "github.com")
API = os.environ.get("GITHUB_API_URL", "https://api.github.com")
# GitHub's responses if the App is not installed, or not for this repository.
NOT_INSTALLED = {404, 422}


def main() -> None:
    lines = sys.stdin.read().splitlines()
    asked = dict(line.split("=", 1) for line in lines if "=" in line)
    installations = json.loads(Path(os.environ["GITHUB_INSTALLATIONS"]).read_text())
    installation = installations.get(asked["tenant_id"])
    if sys.argv[1:] != ["get"] or asked["host"] != HOST or installation is None:
        return  # to print nothing is to know nothing
    repository = asked["path"].rsplit("/", 1)[-1].removesuffix(".git")
    if token := new_token(installation, repository):
        print(f"username=x-access-token\npassword={token}")


def new_token(installation: int, repository: str) -> str | None:
    """A token that may read the repository and nothing else; None where the App may not."""
    now = int(time.time())
    claims = {"iat": now - 60, "exp": now + 300, "iss": os.environ["GITHUB_APP_ID"]}
    signed = jwt.encode(claims, Path(os.environ["GITHUB_APP_KEY"]).read_text(), "RS256")
    answer = httpx.post(
        f"{API}/app/installations/{installation}/access_tokens",
        json={"repositories": [repository], "permissions": {"contents": "read"}},
        headers={"Authorization": f"Bearer {signed}", "Accept": "application/vnd.github+json"},
        timeout=8,
    )
    if answer.status_code in NOT_INSTALLED:
        return None
    return str(answer.raise_for_status().json()["token"])


if __name__ == "__main__":
    main()
