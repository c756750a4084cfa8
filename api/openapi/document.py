"""The API's OpenAPI 3.1 document, made from its operations, their models and db/codes.json."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, Final

from pydantic import BaseModel, TypeAdapter

from api.openapi.operations import OPERATIONS, Operation
from api.openapi.samples import samples
from api.records import IndexJob, JobFrame, ProblemBody, RestProblemBody
from db.tools.codes import Code, codes

Json = dict[str, Any]

_DESCRIPTION: Final = """\
Creates jobs that index git repositories, and reports their status.

Times are RFC 3339 in UTC. Errors are application/problem+json: `code` is for programs, `detail` is
for people, `field` names what is wrong and `hint` says what to do. A missing job and one that you
may not see get the same 404. Every answer has an `X-Request-Id`.
"""
_TAGS: Final = {
    "user": (
        "jobs",
        "For users, with an API key or a token. Each call costs one request of the hourly quota.",
    ),
    "service": ("support", "For support, with the service key. Audited."),
    "rest": ("rpc", "The SQL functions for users, as PostgREST serves them. Costs no quota."),
    "anybody": ("health", "For load balancers and monitoring. Needs no key."),
}
_HEADERS: Final = {
    "ETag": "The version of the job, for If-None-Match.",
    "Link": 'The address of the next page, with rel="next".',
    "Location": "The path of the job.",
    "Retry-After": "Seconds to wait before the next request.",
    "WWW-Authenticate": "Bearer.",
    "X-RateLimit-Limit": "The number of requests per hour.",
    "X-RateLimit-Remaining": "The number of requests left.",
    "X-RateLimit-Reset": "When the hour ends, in Unix seconds.",
}
_RATE: Final = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
ANY_REQUEST: Final = (400, 408, 414, 431, 500)
"""The error statuses that any request can get."""
_COMPONENTS: Final = "#/components/schemas/"


def document(root_path: str, *, has_rest: bool) -> Json:
    """Returns the document of an API served below `root_path`, with or without /rest/v1."""
    found = [each for each in OPERATIONS if has_rest or each.access != "rest"]
    schemas = _Schemas(found)
    paths: dict[str, Json] = {}
    for operation in found:
        path = paths.setdefault(operation.path, {})
        path[operation.method.lower()] = _operation(operation, schemas)
    statuses = {status for each in found if each.access != "rest" for status in each.errors}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "index-jobs",
            "version": version("index-jobs"),
            "description": _DESCRIPTION,
        },
        "servers": [{"url": root_path or "/"}],
        "tags": [
            {"name": name, "description": words}
            for access, (name, words) in _TAGS.items()
            if any(each.access == access for each in found)
        ],
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "responses": {
                str(status): _error(status) for status in sorted(statuses | set(ANY_REQUEST))
            },
            "headers": {
                name: {"description": words, "schema": {"type": "string"}}
                for name, words in _HEADERS.items()
            },
            "securitySchemes": {
                "user": _bearer("An API key (`ij_…`), or a JWT from Supabase Auth or your issuer."),
                "service": _bearer("The service key, or a JWT with the role service_role."),
            },
        },
    }


def summary(operation: Operation) -> tuple[str, str]:
    """Returns the first sentence of the handler's docstring, and the rest."""
    text = inspect.getdoc(operation.handler) or ""
    text = re.sub(r"\n+Raises:.*", "", text, flags=re.S)
    first, _, rest = text.partition("\n\n")
    first = " ".join(first.partition(": ")[2].split())
    return first[:1].upper() + first[1:], " ".join(rest.split())


class _Schemas:
    """The schemas of all types that the operations use."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        sent: set[Any] = {each.body for each in operations if each.body}
        told: set[Any] = {JobFrame, ProblemBody, RestProblemBody}
        told |= {kind for each in operations for kind in each.answers.values() if kind}
        told.discard(Any)
        found, definitions = TypeAdapter.json_schemas(
            [
                *((kind, "validation", TypeAdapter(kind)) for kind in sorted(sent, key=str)),
                *((kind, "serialization", TypeAdapter(kind)) for kind in sorted(told, key=str)),
            ],
            ref_template=_COMPONENTS + "{model}",
        )
        self._found = {kind: schema for (kind, _), schema in found.items()}
        self.components: Json = _without_titles(definitions["$defs"])

    def of(self, kind: Any) -> Json:
        """Returns a reference, or the empty schema, which allows anything."""
        return {} if kind is Any else dict(self._found[kind])


def _operation(operation: Operation, schemas: _Schemas) -> Json:
    short, long = summary(operation)
    responses = {
        str(status): {"$ref": f"#/components/responses/{status}"} for status in ANY_REQUEST
    }
    if operation.access == "rest":
        refused = _json("The answer that PostgREST would give.", schemas.of(RestProblemBody))
        responses |= {str(status): refused for status in operation.errors}
    else:
        responses |= {
            str(status): {"$ref": f"#/components/responses/{status}"} for status in operation.errors
        }
    responses |= {
        str(status): _answer(operation, status, kind, schemas)
        for status, kind in operation.answers.items()
    }
    made: Json = {
        "operationId": _name(operation),
        "summary": short,
        "tags": [_TAGS[operation.access][0]],
        "parameters": _parameters(operation),
        "responses": dict(sorted(responses.items())),
        "security": _security(operation),
        "x-codeSamples": samples(operation),
    }
    if long:
        made["description"] = long
    if operation.body:
        made["requestBody"] = _body(schemas.of(operation.body))
    elif operation.access == "rest" and operation.method == "POST":
        made["requestBody"] = _body({"type": "object"})
    return made


def _name(operation: Operation) -> str:
    name: str = operation.handler.__name__
    return f"{name}_by_{operation.method.lower()}" if operation.access == "rest" else name


def _security(operation: Operation) -> list[Json]:
    each: dict[str, list[Json]] = {
        "user": [{"user": []}],
        "service": [{"service": []}],
        "rest": [{"user": []}, {}],
        "anybody": [],
    }
    return each[operation.access]


def _parameters(operation: Operation) -> list[Json]:
    made: list[Json] = []
    for name in re.findall(r"\{(\w+)\}", operation.path):
        schema = (
            {"type": "string", "format": "uuid"}
            if name in {"job_id", "repository_id"}
            else {"type": "string"}
        )
        made.append({"name": name, "in": "path", "required": True, "schema": schema})
    made += _fields(operation.query, "query")
    if isinstance(operation.headers, dict):
        made += [
            {"name": name, "in": "header", "description": words, "schema": {"type": "string"}}
            for name, words in operation.headers.items()
        ]
    else:
        made += _fields(operation.headers, "header")
    if operation.access == "rest" and operation.method == "GET":
        made.append(
            {
                "name": "arguments",
                "in": "query",
                "description": "The arguments of the function, by name.",
                "style": "form",
                "explode": True,
                "schema": {"type": "object", "additionalProperties": {"type": "string"}},
            }
        )
    return made


def _fields(model: type[BaseModel] | None, place: str) -> list[Json]:
    """Returns the fields of a model as parameters, all of them optional."""
    if model is None:
        return []
    made = []
    for name, field in model.model_json_schema()["properties"].items():
        schema = _without_titles(field)
        words = schema.pop("description", "")
        kinds = [kind for kind in schema.pop("anyOf", [schema]) if kind != {"type": "null"}]
        made.append(
            {"name": name, "in": place, "description": words, "schema": {**schema, **kinds[0]}}
        )
    return made


def _answer(operation: Operation, status: int, kind: Any, schemas: _Schemas) -> Json:
    words = HTTPStatus(status).phrase
    made: Json = {"description": words} if kind is None else _json(words, schemas.of(kind))
    if operation.streams and kind is not None:
        made["content"]["text/event-stream"] = {
            "schema": {
                "type": "string",
                "contentMediaType": "text/event-stream",
                "description": "`event: job` with `id`, or `event: progress`: the data is a "
                "JobFrame. `event: explain`: a JobExplanation. Ends with the final event.",
            }
        }
    names = list(_RATE) if operation.access == "user" else []
    if IndexJob in operation.answers.values():
        names += ["ETag", "Retry-After"]
    if status == 202:
        names += ["Retry-After", "Location"] if operation.path == "/index" else []
    if operation.query is not None and "cursor" in operation.query.model_fields:
        names.append("Link")
    if names:
        made["headers"] = {
            name: {"$ref": f"#/components/headers/{name}"} for name in dict.fromkeys(names)
        }
    return made


def codes_of(status: int) -> dict[str, Code]:
    """Returns the codes that an error with this status can have over HTTP, by name."""
    return {
        name: code for name, code in codes().items() if status in code.status and code.over_http
    }


def _error(status: int) -> Json:
    """Returns the answer with this status, and its possible codes."""
    lines = [f"- `{name}`: {code.sentence}" for name, code in codes_of(status).items()]
    made = {
        "description": "\n".join([f"{HTTPStatus(status).phrase}. `code` is one of:", *lines]),
        "content": {
            "application/problem+json": {"schema": {"$ref": _COMPONENTS + "ProblemBody"}},
        },
    }
    names = {401: ["WWW-Authenticate"], 429: [*_RATE, "Retry-After"], 503: ["Retry-After"]}
    if status in names:
        made["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in names[status]}
    return made


def _json(words: str, schema: Json) -> Json:
    return {"description": words, "content": {"application/json": {"schema": schema}}}


def _body(schema: Json) -> Json:
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _bearer(words: str) -> Json:
    return {"type": "http", "scheme": "bearer", "description": words}


def _without_titles(schema: Any) -> Any:
    """Removes titles that repeat the names, and null defaults of optional members."""
    if isinstance(schema, list):
        return [_without_titles(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: _without_titles(value)
        for name, value in schema.items()
        if not (name == "title" and isinstance(value, str))
        and not (name == "default" and value is None)
    }
