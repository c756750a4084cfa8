"""The files of the page: HTML shells, rendered once with jinja2, and the files they use."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final

_FOLDER: Final = Path(__file__).parent
_MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True)
class PageFile:
    """Bytes, their media type and their digest."""

    content: bytes
    media_type: str

    @cached_property
    def digest(self) -> str:
        return hashlib.sha256(self.content).hexdigest()[:16]


@cache
def static_files() -> dict[str, PageFile]:
    """Returns the files that the shells use, by name."""
    return {
        path.name: PageFile(path.read_bytes(), _MEDIA_TYPES[path.suffix])
        for path in sorted((_FOLDER / "static").iterdir())
        if path.suffix in _MEDIA_TYPES
    }


def addresses(root_path: str) -> dict[str, str]:
    """Returns the address of each static file, by name. It changes with the content."""
    return {
        name: f"{root_path}/pages/{name}?v={file.digest}" for name, file in static_files().items()
    }


def render(template: Path, **values: Any) -> PageFile:
    """Renders an HTML page with jinja2. It may extend templates in the same folder."""
    # loaded only by a server with pages: it takes 0.1 s
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415

    environment = Environment(
        loader=FileSystemLoader(template.parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    content = environment.get_template(template.name).render(**values).encode()
    return PageFile(content, "text/html; charset=utf-8")


def shells(root_path: str, *, is_development: bool) -> dict[str, PageFile]:
    """Returns the pages `list` and `job`, which are the same for every user."""
    return {
        name: render(
            _FOLDER / "templates" / f"{name}.html",
            root=root_path,
            files=addresses(root_path),
            is_development=is_development,
        )
        for name in ("list", "job")
    }
