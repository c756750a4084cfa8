"""What a browser is sent of the page: shells made once by jinja2, and the files they name."""

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
    """Bytes, their media type, and a digest of the bytes."""

    content: bytes
    media_type: str

    @cached_property
    def digest(self) -> str:
        return hashlib.sha256(self.content).hexdigest()[:16]


@cache
def static_files() -> dict[str, PageFile]:
    """The files that the shells name, by name."""
    return {
        path.name: PageFile(path.read_bytes(), _MEDIA_TYPES[path.suffix])
        for path in sorted((_FOLDER / "static").iterdir())
        if path.suffix in _MEDIA_TYPES
    }


def addresses(root_path: str) -> dict[str, str]:
    """Where each of the static files is, by name; another content has another address."""
    return {
        name: f"{root_path}/pages/{name}?v={file.digest}" for name, file in static_files().items()
    }


def render(template: Path, **values: Any) -> PageFile:
    """A page of HTML, by jinja2; templates beside it may be extended."""
    # only a server that has pages loads it: 0.1 s
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
    """The pages `list` and `job`, the same for everybody who opens them."""
    return {
        name: render(
            _FOLDER / "templates" / f"{name}.html",
            root=root_path,
            files=addresses(root_path),
            is_development=is_development,
        )
        for name in ("list", "job")
    }
