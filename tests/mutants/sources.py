"""The declared SQL, and the migrations that contain a changed part of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from db.tools.stamp import (
    END_STAMP,
    HANDBACK,
    HANDOVER,
    ROOT,
    STAMP,
    declared_code,
    declared_files,
    migration_files,
)
from db.tools.stamp.files import BEGIN_PART, END_PART, code_of
from tests.mutants.syntax import squeezed

_STAMPED = re.compile(rf"^{re.escape(BEGIN_PART)}$.*?^{re.escape(END_PART)}$", re.M | re.S)


@dataclass(frozen=True)
class Mutant:
    """One change of the declared SQL: `text` replaces the part from `start` to `end`."""

    path: str
    line: int
    kind: str
    """drop, weaken, flip, unlock, widen, silence, unquote, session."""
    about: str
    """The changed function, policy, table, constraint or role."""
    what: str
    start: int
    end: int
    text: str
    of_server: bool = False
    """A role is changed, which all databases of a server share."""
    is_replaceable: bool = False
    """Running its changed file makes the whole change, and running the original undoes it."""
    number: int = field(default=1, compare=False)
    """Distinguishes mutants of a file with the same text."""

    @property
    def name(self) -> str:
        """Returns a name that does not change when lines move."""
        return f"{self.path}: {self._change}"

    @property
    def place(self) -> str:
        """Returns the name with the line number."""
        return f"{self.path}:{self.line}: {self._change}"

    @property
    def _change(self) -> str:
        again = f" #{self.number}" if self.number > 1 else ""
        return f"{self.kind} {self.what}{again}"


@dataclass(frozen=True)
class Source:
    """A file that people edit."""

    path: str
    sql: str
    """In a migration, the stamped part is blank, because it has its own files."""

    def mutant(
        self,
        kind: str,
        about: str,
        span: tuple[int, int],
        text: str,
        what: str,
        *,
        of_server: bool = False,
    ) -> Mutant:
        line = self.sql.count("\n", 0, span[0]) + 1
        shown = squeezed(what)
        return Mutant(self.path, line, kind, about, shown, *span, text, of_server)

    def at(self, span: tuple[int, int]) -> str:
        return squeezed(self.sql[span[0] : span[1]])


class Declared:
    """All declared SQL of a checkout."""

    def __init__(self, root: Path = ROOT) -> None:
        self._files = declared_files(root)
        self._codes = declared_code(root)
        self._migrations = {f.relative_to(root).as_posix(): f.read_text() for f in
                            migration_files(root)}  # fmt: skip

    def sources(self) -> Iterator[Source]:
        """Returns the handwritten parts of migrations, then functions and policies."""
        for path, text in self._migrations.items():
            yield Source(path, _STAMPED.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text))
        for path, text in self._files.items():
            yield Source(path, text)

    def migrations(self, mutant: Mutant | None = None) -> list[str]:
        """Returns the forward files in order, with one change."""
        if mutant is None:
            return list(self._migrations.values())
        texts = dict(self._migrations)
        if mutant.path in texts:
            text = texts[mutant.path]
            texts[mutant.path] = text[: mutant.start] + mutant.text + text[mutant.end :]
            return list(texts.values())
        code = self._codes[mutant.path]
        stamped = f"{STAMP}{mutant.path}\n{code}{END_STAMP}\n"
        last = [path for path, text in texts.items() if stamped in text][-1]
        texts[last] = texts[last].replace(
            stamped, f"{STAMP}{mutant.path}\n{self.changed(mutant)}{END_STAMP}\n"
        )
        return list(texts.values())

    def changed(self, mutant: Mutant) -> str:
        """Returns the changed file of a function or policies, as in a migration."""
        text = self._files[mutant.path]
        return code_of(text[: mutant.start] + mutant.text + text[mutant.end :])

    def replacement(self, mutant: Mutant) -> str:
        """Returns the SQL that changes a migrated database, run by its owner."""
        return HANDOVER + self.changed(mutant) + HANDBACK

    def original(self, mutant: Mutant) -> str:
        """Returns the SQL that undoes the replacement."""
        return HANDOVER + self._codes[mutant.path] + HANDBACK

    def callers(self, name: str) -> list[str]:
        """Returns the functions whose text names this one, without schema."""
        word = re.compile(rf"\b{re.escape(name)}\(")
        return [
            Path(path).stem
            for path, code in self._codes.items()
            if Path(path).stem != name and word.search(code)
        ]
