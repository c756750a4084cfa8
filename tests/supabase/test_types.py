"""The types for clients, compared with the database."""

from __future__ import annotations

import types
from typing import Any, Literal, get_args, get_origin, get_type_hints

import psycopg
import pytest
from typing_extensions import is_typeddict

from api import records
from db.tools import docs
from db.tools.typescript import typescript

ANNOTATIONS = {  # type of a column -> of its value in JSON
    "uuid": str,
    "text": str,
    "timestamp with time zone": str,
    "integer": int,
    "bigint": int,
    "public.job_status": records.JobStatus,
}


def rows(database: Any, query: str) -> list[Any]:
    with psycopg.connect(database.url) as connection:
        connection.execute("set local search_path = pg_catalog")
        return connection.execute(query).fetchall()


def test_typescript_types_match_make_docs(database: Any) -> None:
    committed = (docs.ROOT / docs.TYPES).read_text()
    assert typescript(database.migrator_url) == committed, "run: make docs"


def test_typescript_types_follow_the_schema(database: Any) -> None:
    with psycopg.connect(database.migrator_url, autocommit=True) as connection:
        connection.execute("alter table public.index_jobs add column mood text")
    assert '"mood"?: string | null' in typescript(database.migrator_url)


def test_failed_generation_of_types_gives_the_reason(database: Any) -> None:
    with pytest.raises(ValueError, match="supabase gen types failed"):
        typescript(database.server.url("nowhere"))


def test_index_job_matches_the_table(database: Any) -> None:
    columns = rows(
        database,
        """
        select a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull
        from pg_attribute as a
        where a.attrelid = 'public.index_jobs'::regclass and a.attnum > 0 and not a.attisdropped
        """,
    )
    shape = get_type_hints(records.IndexJob)
    assert sorted(shape) == sorted(name for name, _, _ in columns)
    for name, column, required in columns:
        annotation, optional = shape[name], False
        if get_origin(annotation) is types.UnionType or type(None) in get_args(annotation):
            (annotation,) = set(get_args(annotation)) - {types.NoneType}
            optional = True
        assert optional is not required, f"{name} differs from the table in whether it may be null"
        if column == "jsonb":
            assert is_typeddict(annotation), name
        else:
            assert annotation == ANNOTATIONS[column], name


def test_job_status_matches_the_enum(database: Any) -> None:
    labels = rows(database, "select unnest(enum_range(null::public.job_status))::text")
    assert get_origin(records.JobStatus) is Literal
    assert list(get_args(records.JobStatus)) == [label for (label,) in labels]


METADATA = {  # member -> a status and value that it allows
    "error": ("failed", '"it broke"'),
    "stats": ("completed", "{}"),
    "commit_sha": ("completed", '"0123456789012345678901234567890123456789"'),
}


def test_job_metadata_matches_the_function(database: Any) -> None:
    assert set(METADATA) == set(records.JobMetadata.__annotations__)
    check = """select private.check_job_metadata('{}', '{{"{}": {}}}')"""
    for member, (status, value) in METADATA.items():
        rows(database, check.format(status, member, value))
    with pytest.raises(psycopg.Error) as refused:
        rows(database, check.format("completed", "mood", "1"))
    assert (refused.value.sqlstate, refused.value.diag.message_detail) == (
        "PT422",
        "unknown_metadata",
    )


def test_queue_payload_names_columns_of_the_job() -> None:
    job = get_type_hints(records.IndexJob)
    payload = get_type_hints(records.IndexRepoJobPayload)
    names = {"indexJobId": "id", "repositoryId": "repository_id", "commitSha": "commit_sha"}
    assert payload == {name: job[column] for name, column in names.items()}
