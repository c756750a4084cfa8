"""GET /docs: the document as plain HTML, without scripts or other hosts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from api.openapi.document import ANY_REQUEST, codes_of
from api.pages.files import PageFile, addresses, render

Json = dict[str, Any]

_TEMPLATE: Final = Path(__file__).parent / "templates" / "docs.html"
_ACCESS: Final = {
    "user": "Needs an API key or a token, and costs a request.",
    "service": "Needs the service key.",
    "": "Needs no key.",
}


def docs_page(document: Json) -> PageFile:
    """Returns the page for a document of api.openapi.document."""
    root = document["servers"][0]["url"].rstrip("/")
    files = addresses(root)
    return render(
        _TEMPLATE,
        document=document,
        styles=[files["page.css"], files["docs.css"]],
        root=root,
        operations=list(_operations(document)),
        types=[
            {
                "name": name,
                "description": schema.get("description", ""),
                "fields": list(_members(schema, "")),
            }
            for name, schema in document["components"]["schemas"].items()
            if "properties" in schema
        ],
        errors=[
            {
                "status": status,
                "meaning": HTTPStatus(int(status)).phrase,
                "codes": [
                    {"name": name, "sentence": code.sentence, "hint": code.hint}
                    for name, code in codes_of(int(status)).items()
                ],
            }
            for status in sorted(document["components"]["responses"])
        ],
    )


def _operations(document: Json) -> Iterator[Json]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            schemes = [name for each in operation["security"] for name in each]
            yield {
                "id": operation["operationId"],
                "method": method.upper(),
                "path": path,
                "summary": operation["summary"],
                "description": operation.get("description", ""),
                "access": _ACCESS[schemes[0] if schemes else ""],
                "fields": [*map(_parameter, operation["parameters"]), *_body(document, operation)],
                "answers": [
                    {
                        "status": status,
                        "meaning": HTTPStatus(int(status)).phrase,
                        "type": _answer(answer),
                        "is_error": "$ref" in answer,
                    }
                    for status, answer in operation["responses"].items()
                    if "$ref" not in answer or int(status) not in ANY_REQUEST
                ],
                "samples": operation["x-codeSamples"],
            }


def _parameter(parameter: Json) -> Json:
    return {
        "name": parameter["name"],
        "place": parameter["in"],
        "type": _type(parameter["schema"]),
        "description": parameter.get("description", ""),
        "is_required": parameter.get("required", False),
    }


def _body(document: Json, operation: Json) -> Iterator[Json]:
    if "requestBody" in operation:
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        if "$ref" in schema:
            schema = document["components"]["schemas"][_name(schema)]
        yield from _members(schema, "body")


def _members(schema: Json, place: str) -> Iterator[Json]:
    for name, member in schema.get("properties", {}).items():
        yield {
            "name": name,
            "place": place,
            "type": _type(member),
            "description": member.get("description", ""),
            "is_required": name in schema.get("required", []),
        }


def _answer(answer: Json) -> str | None:
    content = answer.get("content", {}).get("application/json", {}).get("schema", {})
    return _name(content) if "$ref" in content else None


def _name(schema: Json) -> str:
    return str(schema["$ref"].rpartition("/")[2])


def _type(schema: Json) -> str:
    """Returns the schema in a few words."""
    if "$ref" in schema:
        return _name(schema)
    if "anyOf" in schema:
        return " or ".join(map(_type, schema["anyOf"]))
    if "enum" in schema or "const" in schema:
        return ", ".join(map(str, schema.get("enum", [schema.get("const")])))
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if "additionalProperties" in schema and isinstance(schema["additionalProperties"], dict):
        return f"object of {_type(schema['additionalProperties'])}"
    return re.sub("^$", "any", schema.get("format") or schema.get("type") or "")
