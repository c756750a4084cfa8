"""What a browser is sent of the page: shells made once by jinja2, and the files they name."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

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

    @property
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


def shells(root_path: str, *, is_development: bool) -> dict[str, PageFile]:
    """The pages `list` and `job`, the same for everybody who opens them."""
    # only a server that has pages loads it: 0.1 s
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415

    environment = Environment(
        loader=FileSystemLoader(_FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    addresses = {
        name: f"{root_path}/pages/{name}?v={file.digest}" for name, file in static_files().items()
    }
    return {
        name: PageFile(
            environment.get_template(f"{name}.html")
            .render(root=root_path, files=addresses, is_development=is_development)
            .encode(),
            "text/html; charset=utf-8",
        )
        for name in ("list", "job")
    }
