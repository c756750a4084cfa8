"""What the development stack keeps between runs, and what it recreates."""

from __future__ import annotations

import stat
from pathlib import Path

import jwt
import psycopg
import pytest

from cli.connection import connect
from cli.dev import seed, stack
from cli.dev.logins import ensure_login
from cli.dev.options import Options
from cli.dev.people import ALICE
from cli.errors import CommandError
from cli.users import create_api_key, revoke_api_key
from tests.support.databases import Database


@pytest.fixture
def options(database: Database, tmp_path: Path) -> Options:
    """A development database whose owner is not a superuser."""
    with psycopg.connect(database.url) as connection:
        connection.execute("insert into private.development (made_by) values ('a test')")
    return Options(
        run_dir=tmp_path / "run",
        database_url=database.migrator_url,
        api_database_url=database.api_url,
        worker_database_url=database.worker_url,
    )


def test_keys_and_secrets_stay_the_same(options: Options) -> None:
    with stack.up(options) as one, stack.up(options) as two:
        assert one.api_keys == two.api_keys
        assert (one.jwt_secret, one.service_key) == (two.jwt_secret, two.service_key)
    assert stat.S_IMODE((options.run_dir / "secrets.json").stat().st_mode) == 0o600


def test_revoked_key_is_replaced(options: Options) -> None:
    with stack.up(options) as one, connect(one.database.url) as connection:
        key_id = one.api_keys["alice"].split("_")[1]
        revoke_api_key(connection, ALICE.id, key_id)
        with stack.up(options) as two:
            assert two.api_keys["alice"] != one.api_keys["alice"]
            assert two.api_keys["bob"] == one.api_keys["bob"]


def test_tokens_have_the_format_of_supabase(options: Options) -> None:
    with stack.up(options) as parts:
        for token, role in ((parts.anon_key, "anon"), (parts.service_key, "service_role")):
            assert jwt.decode(token, parts.jwt_secret, ["HS256"])["role"] == role


def test_login_has_one_group_and_no_rights_of_its_own(database: Database) -> None:
    with connect(database.migrator_url) as connection:
        for password in ("one", "two"):
            url = ensure_login(
                connection, database.migrator_url, "login_of_a_test", "job_http", password
            )
        try:
            with psycopg.connect(url) as login:
                row = login.execute(
                    "select rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, array("
                    "  select roleid::regrole::text from pg_auth_members where member = r.oid)"
                    " from pg_roles as r where rolname = current_user"
                ).fetchone()
            assert row == (False, False, False, False, ["job_http"])
        finally:
            connection.execute(
                f"revoke connect on database {database.name} from login_of_a_test;"
                " drop role login_of_a_test"
            )


def test_creating_a_key_leaves_the_connection_unchanged(options: Options) -> None:
    with stack.up(options) as parts, connect(parts.database.url) as connection:
        create_api_key(connection, ALICE.id, "x")
        row = connection.execute(
            "select current_user = session_user,"
            " coalesce(current_setting('request.jwt.claims', true), '')"
        ).fetchone()
        assert row == (True, "")


def test_damaged_secrets_are_named(options: Options) -> None:
    options.run_dir.mkdir()
    (options.run_dir / "secrets.json").write_text("{")
    with pytest.raises(CommandError, match="is damaged"), stack.up(options):
        pass


def test_ordinary_owner_can_seed_and_rls_stays_forced(options: Options) -> None:
    with stack.up(options) as parts:
        assert seed.seed(parts.database, options).new_jobs == 13
        assert seed.seed(parts.database, options).new_jobs == 0
        with connect(parts.database.url) as connection:
            loose = connection.execute(
                "select relname from pg_class where relrowsecurity and not relforcerowsecurity"
            ).fetchall()
            assert loose == []
