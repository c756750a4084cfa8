"""The API's llms.txt: a title, a summary and links with one line each."""

from __future__ import annotations

from typing import Any


def llms_text(document: dict[str, Any]) -> str:
    """Returns an OpenAPI document as Markdown."""
    info, root = document["info"], document["servers"][0]["url"].rstrip("/")
    summary, _, more = info["description"].partition("\n\n")
    lines = [
        f"# {info['title']} {info['version']}",
        "",
        f"> {summary}",
        "",
        " ".join(more.split()),
        "",
        "Send `Authorization: Bearer` with an API key (`ij_…`) or a user's token. To start: POST",
        "/index, then GET the path in `Location`, as often as `Retry-After` says, until",
        "`completed_at` is set.",
        "",
        f"- [openapi.json]({root}/openapi.json): the whole contract, with examples",
        f"- [docs]({root}/docs): the same for people",
    ]
    for tag in document["tags"]:
        lines += ["", f"## {tag['name']}", "", tag["description"], ""]
        lines += [
            f"- `{method.upper()} {path}`: {operation['summary']}"
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
            if tag["name"] in operation["tags"]
        ]
    return "\n".join(lines) + "\n"
