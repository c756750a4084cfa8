"""Changes of jobs sent by Supabase Realtime, and who may receive them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from db.tools import doctor, migrate, stamp

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
WORKER = "00000000-0000-4000-8000-00000000f001"
# of tests.arrange_cast()
ALICE, CAROL, DAVE, STRANGER, ACME = (
    UUID(f"00000000-0000-4000-8000-0000000000{end}") for end in ("a1", "c0", "d0", "ff", "e0")
)
ALICES, ACMES = (UUID(f"00000000-0000-4000-8000-00000000000{end}") for end in "12")
TOLD = (
    "select topic, event, extension, private, payload from realtime.messages order by inserted_at"
)
BREAKAGES = {
    "it raises": """
        create or replace function realtime.send(
          payload jsonb, event text, topic text, private boolean default true)
        returns void language plpgsql as $$ begin raise 'down'; end $$""",
    "an assertion of it fails": """
        create or replace function realtime.send(
          payload jsonb, event text, topic text, private boolean default true)
        returns void language plpgsql as $$ begin assert false; end $$""",
    "it takes other arguments": "alter function realtime.send(jsonb, text, text, boolean)"
    " rename to send_all",
    "it may not be called": """
        alter function realtime.send(jsonb, text, text, boolean) owner to supabase_admin;
        revoke execute on function realtime.send(jsonb, text, text, boolean) from public""",
    "its table may not be written": """
        alter table realtime.messages owner to supabase_admin;
        revoke insert on realtime.messages from postgres, anon, authenticated, service_role""",
    "it is gone": "drop schema realtime cascade",
}
QUIET = {  # these raise no warning: there is nothing to call, or send() itself hides the error
    BREAKAGES[name]
    for name in ("it takes other arguments", "it is gone", "its table may not be written")
}


class Service:
    """The service on a database prepared like Supabase's."""

    def __init__(self, database: Any, connection: psycopg.Connection[Any]) -> None:
        self.database = database
        self.connection = connection

    def one(self, statement: str, *values: object) -> Any:
        return self.connection.execute(statement.encode(), values).fetchone()

    def admin(self, statement: str, *values: object) -> list[dict[str, Any]]:
        with (
            psycopg.connect(self.database.url, autocommit=True) as connection,
            connection.cursor(row_factory=dict_row) as cursor,
        ):
            cursor.execute(statement.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    def set_clock(self, now: datetime) -> None:
        self.admin("select tests.set_clock(%s)", now)

    def create(self, repository: UUID) -> UUID:
        return self.one("select id from public.create_index_job(%s)", repository)[0]

    def claim(self) -> tuple[UUID, int]:
        return self.one("select id, attempt from public.claim_index_job(%s)", WORKER)

    def progress(self, job: tuple[UUID, int], done: int) -> None:
        self.one("select public.report_job_progress(%s, %s, 'parsing', %s, 9)", *job, done)

    def complete(self, job: tuple[UUID, int]) -> None:
        self.one("select public.update_job_status(%s, 'completed', '{}', %s)", *job)

    def told(self) -> list[dict[str, Any]]:
        return self.admin(TOLD)


@pytest.fixture
def service(new_database: Any) -> Iterator[Service]:
    database = new_database(17, "supabase")
    with psycopg.connect(database.service_role_url, autocommit=True) as connection:
        connection.execute("set role service_role")
        service = Service(database, connection)
        service.admin("select tests.arrange_cast()")
        service.set_clock(NOON)
        with psycopg.connect(database.migrator_url, autocommit=True) as owner:
            owner.execute("select private.create_broadcast_policy()")  # as the doctor recommends
        yield service


def may_follow(service: Service, user: UUID | None, topic: str) -> dict[str, bool]:
    """Checks access as Realtime does: writes, reads as the user and rolls back messages."""
    role = "authenticated" if user else "anon"
    claims = Jsonb({"sub": str(user), "role": role} if user else {"role": role})
    with psycopg.connect(service.database.url) as connection:
        for extension in ("broadcast", "presence"):
            connection.execute(
                "insert into realtime.messages (topic, extension) values (%s, %s)",
                (topic, extension),
            )
        connection.execute(
            "select set_config('request.jwt.claims', %s::text, true),"
            " set_config('realtime.topic', %s, true), set_config('role', %s, true)",
            (claims, topic, role),
        )
        rows = connection.execute(
            "select extension from realtime.messages where topic = %s", (topic,)
        ).fetchall()
        connection.rollback()
    return {name: (name,) in rows for name in ("broadcast", "presence")}


def may_send(service: Service, user: UUID, topic: str) -> bool:
    with psycopg.connect(service.database.authenticated_url) as connection:
        connection.execute(
            "select set_config('request.jwt.claims', %s::text, true),"
            " set_config('realtime.topic', %s, true), set_config('role', 'authenticated', true)",
            (Jsonb({"sub": str(user), "role": "authenticated"}), topic),
        )
        try:
            connection.execute(
                "insert into realtime.messages (topic, extension) values (%s, 'broadcast')",
                (topic,),
            )
        except psycopg.errors.InsufficientPrivilege:
            return False
        finally:
            connection.rollback()
    return True


def test_each_change_is_sent_to_the_tenants_topic(service: Service) -> None:
    own = service.create(ALICES)
    job = service.claim()
    service.set_clock(NOON + timedelta(seconds=5))
    service.progress(job, 3)
    service.complete(job)
    ours = service.create(ACMES)

    def message(tenant: UUID, **payload: object) -> dict[str, Any]:
        return {
            "topic": f"index_jobs:{tenant}",
            "event": "index_job",
            "extension": "broadcast",
            "private": True,
            "payload": payload,
        }

    progress = {"phase": "parsing", "done": 3, "total": 9}
    first: dict[str, Any] = {"job_id": str(own), "version": 1, "status": "pending", "attempt": 0}
    begun = {**first, "version": 2, "status": "processing", "attempt": 1}
    assert service.told() == [
        message(ALICE, **first, progress=None),
        message(ALICE, **begun, progress=None),
        message(ALICE, **{**begun, "version": 3}, progress=progress),
        message(ALICE, **{**begun, "version": 4, "status": "completed"}, progress=progress),
        message(ACME, **{**first, "job_id": str(ours)}, progress=None),
    ]


def test_progress_is_sent_once_a_second_and_events_always(service: Service) -> None:
    service.create(ALICES)
    job = service.claim()
    for step in range(8):
        service.set_clock(NOON + timedelta(seconds=1 + step / 4))
        service.progress(job, step)
    service.one("select public.fail_job_attempt(%s, %s, 'down')", *job)
    done = [told["payload"]["progress"] for told in service.told()[2:]]
    assert [each and each["done"] for each in done] == [0, 4, done[-1] and done[-1]["done"]]
    versions = [told["payload"]["version"] for told in service.told()]
    assert versions[-1] == 11, "the failed attempt is sent in the same second as the last progress"


def test_heartbeat_is_not_sent(service: Service) -> None:
    service.create(ALICES)
    job = service.claim()
    before = service.told()
    service.set_clock(NOON + timedelta(seconds=5))
    service.one("select public.report_job_progress(%s, %s)", *job)
    assert service.told() == before


def test_rolled_back_change_is_not_sent(service: Service) -> None:
    with service.connection.transaction(force_rollback=True):
        service.create(ALICES)
    assert service.told() == []


def test_only_readers_of_a_tenants_jobs_may_follow_them(service: Service) -> None:
    own, ours = f"index_jobs:{ALICE}", f"index_jobs:{ACME}"
    followers = {
        (user, topic)
        for user in (ALICE, CAROL, DAVE, STRANGER, None)
        for topic in (own, ours)
        if may_follow(service, user, topic)["broadcast"]
    }
    assert followers == {(ALICE, own), (CAROL, ours)}


def test_users_can_neither_send_nor_use_presence(service: Service) -> None:
    topic = f"index_jobs:{ALICE}"
    assert may_follow(service, ALICE, topic) == {"broadcast": True, "presence": False}
    assert not may_send(service, ALICE, topic)


@pytest.mark.parametrize(
    "topic",
    [
        "index_jobs:",
        "index_jobs",
        f"index_jobs:{str(ALICE)[:-1]}",
        f"index_jobs:{ALICE}:x",
        f"Index_jobs:{ALICE}",
        f"other:{ALICE}",
        str(ALICE),
        "index_jobs:%",
        "index_jobs:' or true --",
        "x" * 2000,
    ],
)
def test_malformed_topic_is_readable_by_no_one_and_not_an_error(
    service: Service, topic: str
) -> None:
    for user in (ALICE, CAROL, None):
        assert may_follow(service, user, topic) == {"broadcast": False, "presence": False}


@pytest.mark.parametrize("claims", ["", "{", "[]", '{"sub": "alice"}', '{"sub": null}'])
def test_invalid_claims_read_nothing_and_are_not_an_error(service: Service, claims: str) -> None:
    with psycopg.connect(service.database.url) as connection:
        topic = f"index_jobs:{ALICE}"
        connection.execute(
            "insert into realtime.messages (topic, extension) values (%s, 'broadcast')", (topic,)
        )
        connection.execute(
            "select set_config('request.jwt.claims', %s, true),"
            " set_config('realtime.topic', %s, true), set_config('role', 'authenticated', true)",
            (claims, topic),
        )
        assert connection.execute("select from realtime.messages").fetchall() == []


@pytest.mark.parametrize("breakage", BREAKAGES.values(), ids=BREAKAGES)
def test_jobs_continue_when_realtime_fails(service: Service, breakage: str) -> None:
    service.admin(breakage)
    warnings: list[str] = []
    service.connection.add_notice_handler(lambda n: warnings.append(n.message_primary or ""))
    own = service.create(ALICES)
    job = service.claim()
    service.set_clock(NOON + timedelta(seconds=5))
    service.progress(job, 3)
    service.complete(job)
    found = service.one("select status from public.index_jobs where id = %s", own)
    assert found == ("completed",)
    assert service.one("select count(*) from public.index_job_events where job_id = %s", own) == (
        3,
    )
    warned = [w for w in warnings if w.startswith(f"a change of job {own} was not broadcast")]
    assert len(warned) == (0 if breakage in QUIET else 4)
    if "realtime cascade" not in breakage:
        assert service.told() == []


def policies(database: Any) -> list[Any]:
    with psycopg.connect(database.url) as connection:
        return connection.execute(
            "select policyname from pg_policies where schemaname = 'realtime'"
        ).fetchall()


def test_missing_right_on_realtime_skips_only_the_policy(
    new_database: Any,
) -> None:
    database = new_database(17, "supabase", migrated=False)
    with psycopg.connect(database.url, autocommit=True) as admin:
        admin.execute("alter table realtime.messages owner to supabase_admin")
        assert migrate.apply(database.migrator_url) == [
            file.stem for file in stamp.migration_files()
        ]
        assert policies(database) == []
        advice = [a for a in doctor.examine(database.migrator_url).advice if a.check == "policy"]
        assert [a.object for a in advice] == ["realtime.messages"]
        admin.execute("alter table realtime.messages owner to supabase_realtime_admin")
    with psycopg.connect(database.migrator_url, autocommit=True) as owner:
        owner.execute(advice[0].remedy.encode())
    assert policies(database) == [("index_jobs_select_authenticated",)]
    assert [a for a in doctor.examine(database.migrator_url).advice if a.check == "policy"] == []


def test_rollback_drops_the_policy(new_database: Any) -> None:
    database = new_database(17, "supabase", migrated=False)
    migrate.apply(database.migrator_url)
    assert policies(database) == [("index_jobs_select_authenticated",)]
    migrate.rollback(database.migrator_url, len(stamp.migration_files()))
    assert policies(database) == []


def test_without_realtime_nothing_is_sent_and_nothing_fails(new_database: Any) -> None:
    database = new_database()
    with psycopg.connect(database.url, autocommit=True) as admin:
        admin.execute("select tests.arrange_cast()")
        admin.execute("set role service_role")
        notices: list[str] = []
        admin.add_notice_handler(lambda notice: notices.append(notice.message_primary or ""))
        admin.execute("select public.create_index_job(%s)", (ALICES,))
        assert notices == []
        assert [a for a in doctor.examine(database.url).advice if a.check == "policy"] == []
