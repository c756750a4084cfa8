"""Requests to /rest/v1 as data: what is sent to both servers, and which responses may differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

OBJECT: Final = {"Accept": "application/vnd.pgrst.object+json"}
EXACT: Final = {"Prefer": "count=exact"}
UNKNOWN: Final = "ffffffff-0000-4000-8000-000000000000"
REPOSITORY: Final = "00000000-0000-4000-8000-000000000001"


@dataclass(frozen=True)
class Ours:
    """Our answers that differ from those of PostgREST 12.0.2, and why."""

    why: str
    """The heading of this difference in docs/rest.md."""
    status: int
    code: str | None = None
    """The code of the error, or None."""


@dataclass(frozen=True)
class Case:
    """One request. `{job}` in path and body stands for the id of one of alice's jobs."""

    name: str
    path: str
    body: Any = None
    """JSON. Bytes are sent unchanged."""
    method: str = "POST"
    who: str = "alice"
    headers: Mapping[str, str] = field(default_factory=dict)
    writes: bool = False
    """Whether it changes rows. Both servers then start from the same rows."""
    varies: frozenset[str] = frozenset()
    """Members of the response that differ between any two calls."""
    hint_is_free: bool = False
    """Whether to ignore the hint: PostgREST ranks similar names in its own way."""
    differs: Ours | None = None
    hosted: str = ""
    """How newer versions, as on supabase.com, differ from 12.0.2."""


def _get(name: str, path: str, **more: Any) -> Case:
    return Case(name, path, method="GET", **more)


def _words(name: str, query: str, differs: Ours | None = None, **more: Any) -> Case:
    return _get(name, f"/rpc/probe_words?p_n=5&{query}", differs=differs, **more)


def _as(who: str, differs: Ours | None = None, **more: Any) -> Case:
    name, arguments = f"a caller with this: {who}", {"p_job_id": "{job}"}
    return Case(name, "/rpc/get_job_status", arguments, who=who, differs=differs, **more)


def _raises(code: str, **more: Any) -> Case:
    return Case(f"a function raises {code}", "/rpc/probe_raise", {"p_code": code}, **more)


def _sends(
    name: str, body: bytes, differs: Ours | None = None, media: str = "application/json"
) -> Case:
    sent = {"Content-Type": media}
    return Case(f"the body is {name}", "/rpc/probe_text", body, headers=sent, differs=differs)


def _accepts(media: str, differs: Ours | None = None) -> Case:
    name, path = f"the client accepts {media}", "/rpc/probe_words"
    return Case(name, path, {"p_n": 1}, headers={"Accept": media}, differs=differs)


_STRICT_JSON = Ours("Bodies", 400, "PGRST102")
_QUERY = Ours("Query strings", 400, "PGRST100")
_UNSELECTED = Ours("Filters on columns that are not selected", 200)
_STRICT_TOKEN = Ours("Tokens", 401, "PGRST301")
_ANON_KEY = Ours("Keys that are not JWTs", 401, "42501")
_SHAPES = Ours("Functions that are not served", 404, "PGRST202")
_MEDIA = Ours("Media types", 415, "PGRST107")

SHAPES = [
    Case("a scalar", "/rpc/probe_number", {}),
    Case("a scalar, without a body", "/rpc/probe_number"),
    _get("a scalar by GET", "/rpc/probe_number"),
    Case("a scalar by HEAD", "/rpc/probe_number", method="HEAD"),
    Case("void", "/rpc/probe_void", {}),
    Case("void with a count", "/rpc/probe_void", {}, headers=EXACT),
    Case("a null", "/rpc/probe_text", {"p_text": None}),
    Case("a set of scalars", "/rpc/probe_numbers", {"p_n": 3}),
    Case("an empty set of scalars", "/rpc/probe_numbers", {"p_n": 0}),
    Case("a composite", "/rpc/probe_pair", {}),
    Case("a null composite", "/rpc/probe_pair", {"p_null": True}),
    Case("out parameters", "/rpc/probe_out", {"p_a": 1}),
    Case("one out parameter", "/rpc/probe_one_out", {"p_a": 1}),
    Case("inout parameters", "/rpc/probe_inout", {"p_a": 1}),
    Case("a table", "/rpc/probe_words", {"p_n": 2}),
    Case("a table of one column", "/rpc/probe_one_column", {"p_a": 1}),
    Case("an empty table", "/rpc/probe_words", {"p_n": 0}),
    Case("json", "/rpc/probe_json", {"p_value": {"a": [1, None, "x", 2.50]}}),
    Case("an array", "/rpc/probe_items", {"p_items": ["a", "b"]}),
    Case("bytes", "/rpc/probe_bytes", {}),
    Case("a name with a space", "/rpc/Probe%20Name", {"p Arg": "q"}),
    Case("a call that finds a function by the search_path", "/rpc/probe_path", {}),
    Case("the user of the claims", "/rpc/probe_user", {}),
    Case("a table that users may not read", "/rpc/probe_secrets", {}),
    Case("a variadic function", "/rpc/probe_many", {"p_items": ["a"]}, differs=_SHAPES),
    Case("an unnamed argument", "/rpc/probe_unnamed", {"a": 1}, differs=_SHAPES),
    Case(
        "rows without a type",
        "/rpc/probe_record",
        {},
        differs=Ours("Functions that are not served", 400, "42601"),
    ),
]

ARGUMENTS = [
    Case("a default", "/rpc/probe_text", {}),
    Case("an object for a text", "/rpc/probe_text", {"p_text": {"a": 1}}),
    Case("a number for a text", "/rpc/probe_text", {"p_text": 3.10}),
    Case("a text for a number", "/rpc/probe_numbers", {"p_n": "3"}),
    Case("a text that is not a number", "/rpc/probe_numbers", {"p_n": "x"}),
    Case(
        "many types",
        "/rpc/probe_types",
        {
            "p_int": 1,
            "p_bool": True,
            "p_at": "2026-01-01T00:00:00Z",
            "p_interval": "1 hour",
            "p_status": "failed",
            "p_word": "w",
        },
    ),
    Case(
        "an unknown enum value",
        "/rpc/probe_types",
        {
            "p_int": 1,
            "p_bool": True,
            "p_at": "2026-01-01T00:00:00Z",
            "p_interval": "1 hour",
            "p_status": "nope",
            "p_word": "w",
        },
    ),
    Case("a number out of range", "/rpc/probe_numbers", {"p_n": 99999999999}),
    Case("a NUL", "/rpc/probe_text", {"p_text": "\0"}),
    _get("arguments by GET", "/rpc/probe_text?p_text=a%20b"),
    _get("an empty argument by GET", "/rpc/probe_text?p_text="),
    _get("an argument by GET that begins like an operator", "/rpc/probe_text?p_text=eq"),
    _get("an argument by GET with a point", "/rpc/probe_text?p_text=v.1"),
    _get("an argument by GET twice", "/rpc/probe_text?p_text=a&p_text=b"),
    _get("an array by GET", "/rpc/probe_items?p_items={a,b}"),
    _get("a text for an array by GET", "/rpc/probe_items?p_items=a"),
    _get("json by GET", '/rpc/probe_json?p_value={"a":1}'),
    Case("an unknown function", "/rpc/get_job_statuses", {"p_job_id": UNKNOWN}),
    Case("a function that is like no other", "/rpc/zzzzzz", {"q": 1}, hint_is_free=True),
    Case("an unknown argument", "/rpc/get_job_status", {"job_id": UNKNOWN}),
    Case("one argument too many", "/rpc/get_job_status", {"p_job_id": UNKNOWN, "b": 1}),
    Case("a missing argument", "/rpc/get_job_status", {}),
    _get("a missing argument by GET", "/rpc/get_job_status"),
    _get("unknown arguments by GET", "/rpc/get_job_status?p_job_id=1&x=2"),
    Case("overloads, told apart", "/rpc/probe_overload", {"p_a": 1, "p_b": 2}),
    Case(
        "overloads, not told apart",
        "/rpc/probe_overload",
        {"p_a": 1},
        differs=Ours("Error messages", 300, "PGRST203"),
    ),
]

BODIES = [
    _sends("empty", b""),
    _sends("cut off", b'{"p_text":'),
    _sends("blank", b"  "),
    _sends("not UTF-8", b'{"p_text":"\xff"}'),
    _sends("an unpaired surrogate", b'{"p_text":"\\ud800"}'),
    _sends("followed by more", b'{"p_text":"a"} x'),
    _sends("a list", b'[{"p_text":"a"}]', _STRICT_JSON),
    _sends("a number", b"5", _STRICT_JSON),
    _sends("an object with a member twice", b'{"p_text":"a","p_text":"b"}', _STRICT_JSON),
    _sends("NaN", b'{"p_text":NaN}', _STRICT_JSON),
    _sends(
        "JSON with a charset",
        b'{"p_text":"a"}',
        media="application/json; charset=utf-8",
    ),
    _sends("XML", b"<a/>", media="application/xml"),
    _sends("a form", b"p_text=a", _STRICT_JSON, media="application/x-www-form-urlencoded"),
    _sends("text", b"a", _STRICT_JSON, media="text/plain"),
    _sends("over 64 kB", b'{"p_text":"' + b"x" * 70_000 + b'"}', Ours("Bodies", 413, "PGRST102")),
]

ANSWERS = [
    Case("one row as an object", "/rpc/probe_words", {"p_n": 1}, headers=OBJECT),
    Case("no row as an object", "/rpc/probe_words", {"p_n": 0}, headers=OBJECT),
    Case("two rows as an object", "/rpc/probe_words", {"p_n": 2}, headers=OBJECT),
    _get("no row as an object by GET", "/rpc/probe_words?p_n=0", headers=OBJECT),
    Case("a scalar as an object", "/rpc/probe_number", {}, headers=OBJECT),
    Case("void as an object", "/rpc/probe_void", {}, headers=OBJECT),
    Case("two new rows as an object", "/rpc/probe_write_two", {}, headers=OBJECT, writes=True),
    Case("a count", "/rpc/probe_words", {"p_n": 2}, headers=EXACT),
    Case("a count of nothing", "/rpc/probe_words", {"p_n": 0}, headers=EXACT),
    Case("a count by HEAD", "/rpc/probe_words?p_n=2", method="HEAD", headers=EXACT),
    _words("a page with a count", "limit=2", headers=EXACT),
    _words("a page without a count", "limit=2"),
    _words("a later page with a count", "limit=2&offset=1", headers=EXACT),
    _words("a page after the end", "limit=2&offset=5", headers=EXACT),
    _words("a page far after the end", "limit=2&offset=9", headers=EXACT),
    _words("a page far after the end without a count", "limit=2&offset=9"),
    _words("a page of no rows", "limit=0", headers=EXACT),
    _words("a page of fewer than no rows", "limit=-1"),
    _words("an estimated count", "limit=9", headers={"Prefer": "count=estimated"}),
    _words("a planned count", "limit=9", Ours("Counts", 200), headers={"Prefer": "count=planned"}),
    _words("a Range", "", Ours("Ranges", 200), headers={"Range": "1-2"}),
    _accepts("*/*"),
    _accepts("text/html,application/xhtml+xml,*/*;q=0.8"),
    _accepts("application/vnd.pgrst.array+json"),
    _accepts("application/vnd.pgrst.array+json;nulls=stripped"),
    _accepts("application/vnd.pgrst.object+json;nulls=stripped"),
    _accepts("application/xml"),
    _accepts("text/csv", _MEDIA),
    _get("the public profile", "/rpc/probe_number", headers={"Accept-Profile": "public"}),
    _get("another profile", "/rpc/probe_number", headers={"Accept-Profile": "private"}),
    Case(
        "the public profile by POST", "/rpc/probe_number", {}, headers={"Content-Profile": "public"}
    ),
    Case(
        "another profile by POST", "/rpc/probe_number", {}, headers={"Content-Profile": "private"}
    ),
    Case(
        "both profiles, as supabase-py sends them",
        "/rpc/probe_number",
        {},
        headers={"Content-Profile": "public", "Accept-Profile": "public"},
    ),
    Case("PUT", "/rpc/probe_number", {}, method="PUT"),
    Case("PATCH", "/rpc/probe_number", {}, method="PATCH"),
    Case("DELETE", "/rpc/probe_number", method="DELETE"),
    _get("a table instead of a function", "/repositories", differs=Ours("Tables", 404, "PGRST205")),
    _get(
        "a table that is not there",
        "/nothing",
        differs=Ours("Tables", 404, "PGRST205"),
        hosted="the same as ours, with other words in the hint",
    ),
]

QUERIES = [
    _words("columns", "select=word,n"),
    _words("all columns", "select=*"),
    _words("a renamed column", "select=number:n"),
    _words("an unknown column", "select=nope"),
    _words("equal", "n=eq.2"),
    _words("not equal", "n=neq.1&select=n"),
    _words("between", "n=gte.2&n=lt.4&select=n"),
    _words("one of", 'word=in.(ab,"cd")&select=word,n'),
    _words("one of nothing", "word=in.()&select=word"),
    _words("like", "word=like.a*&select=word"),
    _words("like in any case", "word=ilike.A%25&select=word"),
    _words("a pattern", "word=match.^a&select=word"),
    _words("null", "flag=is.null&select=n,flag"),
    _words("not null", "flag=not.is.null&select=n,flag"),
    _words("true", "flag=is.true&select=n,flag"),
    _words("not equal by not", "n=not.eq.1&select=n"),
    _words("json that contains", 'data=cs.{"n":1}&select=data'),
    _words("ordered", "order=n.desc&select=n"),
    _words("ordered by two", "order=word.desc,n.asc&select=word,n"),
    _words("nulls last", "order=flag.desc.nullslast,n&select=flag,n"),
    _words("all at once", "n=gt.1&order=n.desc&limit=2&offset=1&select=n", headers=EXACT),
    _words("a filter on an unknown column", "nope=eq.1"),
    _words("an order by an unknown column", "order=nope"),
    _words("a filter of the wrong type", "n=eq.x"),
    _words("a filter that is not parsed", "n=not.x"),
    _words("no operator by GET is an argument", "n=foo.1"),
    _words("a list without brackets", "word=in.x"),
    Case("columns by POST", "/rpc/probe_words?select=n&n=eq.2", {"p_n": 5}),
    Case("no operator by POST", "/rpc/probe_words?p_n=2", {}),
    _get("an argument by GET that looks like a filter", "/rpc/probe_text?p_text=eq.5"),
    _get("a column of a scalar", "/rpc/probe_number?select=x"),
    _get("a page of scalars", "/rpc/probe_numbers?p_n=5&limit=2&offset=1"),
    _get("no row of a single value", "/rpc/probe_pair?left_part=eq.5"),
    _words("an unselected column", "word=eq.ab&select=n", _UNSELECTED, hosted="the rows, as we do"),
    _words("or", "or=(n.eq.1,n.eq.2)&select=n", _QUERY),
    _words("a cast", "select=n::text", _QUERY),
    _words("a JSON path", "select=data->n", _QUERY),
    _words("an operator with any", "n=eq(any).{1,2}", _QUERY),
    _words("full text", "word=fts.ab&select=word", Ours("Query strings", 400, "PGRST100")),
    _words("a limit that is not a number", "limit=x", _QUERY),
]

CALLERS = [
    _as("alice"),
    _as("bob"),
    _as("nobody"),
    _as("anon"),
    _as("no role"),
    _as("basic"),
    _as("expired", hosted="the code PGRST303"),
    _as("forged"),
    _as("not yet"),
    _as("wrong audience"),
    _as("signed in with a publishable key"),
    _as("publishable key", _ANON_KEY),
    _as("secret key", _ANON_KEY),
    _as("opaque key", _ANON_KEY),
    _as("apikey alone", Ours("Keys that are not JWTs", 200)),
    _as("service", Ours("The service key", 403, "42501")),
    _as("just expired", _STRICT_TOKEN),
    _as("no audience", _STRICT_TOKEN),
    _as("no end", _STRICT_TOKEN),
    _as("no user", _STRICT_TOKEN),
    _as("unknown role", _STRICT_TOKEN),
    _as("no token", Ours("Error messages", 401, "PGRST301")),
    _as("unsigned", Ours("Error messages", 401, "PGRST301")),
    Case("a worker's function, as a user", "/rpc/claim_index_job", {"p_worker_id": "x"}),
    Case(
        "a worker's function, as nobody", "/rpc/claim_index_job", {"p_worker_id": "x"}, who="nobody"
    ),
    Case("a function of the HTTP layer", "/rpc/api_schema_version", {}),
    Case("a function without a grant", "/rpc/probe_hidden", {}),
    Case(
        "an unknown function, as nobody", "/rpc/zzzzzz", {"q": 1}, who="nobody", hint_is_free=True
    ),
]

WRITES = [
    Case("a write", "/rpc/probe_write", {"p_id": 1}, writes=True),
    Case("a write of what is there", "/rpc/probe_write", {"p_id": 99}, writes=True),
    Case(
        "a write that a check refuses", "/rpc/probe_write", {"p_id": 2, "p_note": ""}, writes=True
    ),
    Case("a write of a null", "/rpc/probe_write", {"p_id": 2, "p_note": None}, writes=True),
    _get("a write by GET", "/rpc/probe_write?p_id=1", writes=True),
    Case("a write by HEAD", "/rpc/probe_write?p_id=1", method="HEAD", writes=True),
    Case("a write by a stable function", "/rpc/probe_stable_write", {}, writes=True),
    Case(
        "what a client wants returned",
        "/rpc/probe_write",
        {"p_id": 1},
        headers={"Prefer": "return=minimal"},
        writes=True,
    ),
    Case(
        "a rollback that is not allowed",
        "/rpc/probe_write",
        {"p_id": 1},
        headers={"Prefer": "tx=rollback"},
        writes=True,
    ),
]

JOBS = [
    Case("a job", "/rpc/get_job_status", {"p_job_id": "{job}"}),
    _get("a job by GET", "/rpc/get_job_status?p_job_id={job}"),
    Case("a job as an object", "/rpc/get_job_status", {"p_job_id": "{job}"}, headers=OBJECT),
    _get("a column of a job", "/rpc/get_job_status?p_job_id={job}&select=status"),
    _get("a job, filtered", "/rpc/get_job_status?p_job_id={job}&status=eq.failed"),
    _get("a job, filtered by an unknown status", "/rpc/get_job_status?p_job_id={job}&status=eq.x"),
    Case("a job that is not there", "/rpc/get_job_status", {"p_job_id": UNKNOWN}),
    Case("a job of nobody", "/rpc/get_job_status", {"p_job_id": None}),
    Case("a job's id that is none", "/rpc/get_job_status", {"p_job_id": "x"}),
    Case("another tenant's job", "/rpc/get_job_status", {"p_job_id": "{job}"}, who="bob"),
    Case(
        "a new job",
        "/rpc/create_index_job",
        {"p_repository_id": REPOSITORY, "p_ref": "main"},
        varies=frozenset({"id", "created_at", "updated_at"}),
    ),
    Case("a new job by GET", f"/rpc/create_index_job?p_repository_id={REPOSITORY}", method="GET"),
    Case(
        "a new job at a bad ref",
        "/rpc/create_index_job",
        {"p_repository_id": REPOSITORY, "p_ref": "-x"},
    ),
    Case(
        "a new job of another tenant's",
        "/rpc/create_index_job",
        {"p_repository_id": REPOSITORY},
        who="bob",
    ),
    Case("the jobs", "/rpc/list_index_jobs", {}, hint_is_free=True),
    _get(
        "a page of the jobs",
        "/rpc/list_index_jobs?p_status=pending&select=id,created_at&order=created_at.desc&limit=1",
        headers=EXACT,
        hint_is_free=True,
    ),
    Case("jobs of no status", "/rpc/list_index_jobs", {"p_status": "nope"}, hint_is_free=True),
    Case("the history of a job", "/rpc/get_job_history", {"p_job_id": "{job}"}, hint_is_free=True),
    Case(
        "the history of another tenant's job",
        "/rpc/get_job_history",
        {"p_job_id": "{job}"},
        who="bob",
        hint_is_free=True,
    ),
    Case("the jobs by status", "/rpc/job_counts", {}, hint_is_free=True),
    _get("the jobs by status by GET", "/rpc/job_counts?select=pending,oldest_pending_at"),
    Case(
        "the jobs of a time long ago by status",
        "/rpc/job_counts",
        {"p_since": "2020-01-01T00:00:00Z"},
        hint_is_free=True,
    ),
    Case("why a job waits", "/rpc/explain_index_job", {"p_job_id": "{job}"}, hint_is_free=True),
    _get("why a job waits by GET", "/rpc/explain_index_job?p_job_id={job}&select=reason,position"),
    Case(
        "why another tenant's job waits",
        "/rpc/explain_index_job",
        {"p_job_id": "{job}"},
        who="bob",
        hint_is_free=True,
    ),
    *(
        Case(
            f"{function} of {whose} repository",
            f"/rpc/{function}",
            {"p_repository_id": repository} | arguments,
            hint_is_free=True,
        )
        for function, arguments in (
            ("list_indexed_files", {}),
            ("list_skipped_files", {"p_limit": 101}),
            ("find_symbols", {"p_prefix": "a%", "p_cursor": "x"}),
        )
        for whose, repository in (("an own", REPOSITORY), ("no", UNKNOWN))
    ),
    Case(
        "another tenant's job to cancel",
        "/rpc/cancel_index_job",
        {"p_job_id": "{job}"},
        who="bob",
        hint_is_free=True,
    ),
    Case("a repository", "/rpc/ensure_repository", {"p_full_name": "alice/app"}),
    Case(
        "a repository with another URL",
        "/rpc/ensure_repository",
        {"p_full_name": "alice/app", "p_git_url": "https://example.com/other.git"},
    ),
    Case("the API keys", "/rpc/list_api_keys", {}),
    _get("the API keys by GET", "/rpc/list_api_keys"),
    Case("an API key to revoke", "/rpc/revoke_api_key", {"p_key_id": "0" * 16}),
]

_CODES = (
    "P0001", "P0002", "22P02", "22023", "23502", "23503", "23505", "23514", "25006", "25001",
    "28000", "2D000", "38000", "39000", "3B000", "42501", "42883", "42P01", "42P17", "42601",
    "53000", "53400", "54000", "55000", "55P03", "57014", "57P01", "58000", "08006", "09000",
    "0L000", "0P000", "0A000", "XX000", "F0000", "HV000", "PT200", "PT402", "PT401", "PT404",
    "PT409", "PT422", "PT429", "PT503", "ZZ000", "PGRST",
)  # fmt: skip

ERRORS = [
    *(_raises(code) for code in _CODES),
    _raises("PT999", differs=Ours("Error messages", 500, "PT999")),
    _raises("40001", differs=Ours("Conflicts of transactions", 503, "40001")),
    Case(
        "a function raises an error without a detail",
        "/rpc/probe_raise",
        {"p_code": "P0001", "p_detail": "", "p_hint": ""},
    ),
    Case(
        "a function raises a whole answer",
        "/rpc/probe_raise",
        {
            "p_code": "PGRST",
            "p_message": '{"code":"123","message":"m","details":"d","hint":"h"}',
            "p_detail": '{"status":402,"headers":{"WWW-Authenticate":"x"}}',
        },
    ),
]

CASES = [
    *SHAPES,
    *ARGUMENTS,
    *BODIES,
    *ANSWERS,
    *QUERIES,
    *CALLERS,
    *WRITES,
    *JOBS,
    *ERRORS,
]
